"""`aio-image clean`: remove what builds keep."""

from __future__ import annotations

import argparse

from aio_image.cli.elevate import ensure_root
from aio_image.cli.options import build_home, columns, command_parser
from aio_image.cli.reporting import events_for
from aio_image.errors import EXIT_OK
from aio_image.execution.build import reap_leftovers
from aio_image.execution.clean import Removal, clean, removable
from aio_image.report.events import Events, Notice, Result
from aio_image.report.words import spell_fact

_KEEP = 2
_DESCRIPTION = f"""\
Removes what builds keep in $AIO_IMAGE_HOME (for root: /var/cache/aio-image): of each step of
each profile all results but the {_KEEP} that were last of use, downloaded packages that are in no
root that stays, old logs, and what failed steps left on request. What a running build uses
stays. Images in build/ are yours and are not touched.
First of all it frees what killed builds left behind.

examples:
  aio-image clean --dry-run
  sudo aio-image clean --keep 1
  sudo aio-image clean --all       everything, downloaded packages included
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command_parser(subparsers, "clean", "remove what builds keep", _DESCRIPTION)
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument(
        "--keep",
        type=_count,
        default=_KEEP,
        metavar="N",
        help="results to keep of each step and profile (default: %(default)s)",
    )
    choice.add_argument("--all", action="store_true", help="keep nothing, not even downloads")
    parser.add_argument("--dry-run", "-n", action="store_true", help="only say what would go")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of results")
    return int(text)


def run(args: argparse.Namespace) -> int:
    home = build_home()
    if not args.dry_run:
        ensure_root(_words(args), "cleaning")
    with events_for(args) as events:
        if not args.dry_run:
            reap_leftovers(home, events)
        found = removable(home, keep=args.keep, everything=args.all)
        if args.dry_run:
            _tell(found, events, "would go")
            return EXIT_OK
        gone, stayed = clean(home, found) if found else ([], [])
        for line in stayed:
            events.emit(Notice(line, level="warning"))
        _tell(gone, events, "removed")
    return EXIT_OK


def _tell(removals: list[Removal], events: Events, verb: str) -> None:
    if not removals:
        events.emit(Notice("nothing to remove"))
        return
    rows = [(each.what, spell_fact("bytes", each.size), each.why) for each in removals]
    for line in columns(rows):
        events.emit(Notice(line))
    size = sum(each.size for each in removals)
    events.emit(Result(verb, {"count": len(removals), "bytes": size}))


def _words(args: argparse.Namespace) -> list[str]:
    words = ["clean", *(["--all"] if args.all else ["--keep", str(args.keep)])]
    chosen = [name for name in ("json", "plain", "quiet") if getattr(args, name)]
    return [*words, *(f"--{name}" for name in chosen)]
