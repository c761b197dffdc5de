"""`aio-image build`: from a profile to an image."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from aio_image.cli.elevate import ensure_root
from aio_image.cli.options import DEFAULT_PROFILE, build_home, command_parser
from aio_image.cli.planning import STEPS_HELP, plan_arguments, plan_of, summary
from aio_image.cli.reporting import events_for
from aio_image.manifest.deliver import Delivery, check_target, deliver, delivered
from aio_image.paths import Home
from aio_image.plan.model import Plan
from aio_image.plan.outlook import outlook
from aio_image.profile.problems import shown
from aio_image.report.events import Events, Notice, Result

_DESCRIPTION = f"""\
Builds the image of a profile and puts it at build/<profile>.qcow2, with its checksum
(.qcow2.sha256) and its manifest (.manifest.json) beside it.

Each step's result is kept. A build with nothing changed does nothing; a change runs the steps
that depend on it; a build that failed or was stopped goes on at that step. `aio-image plan`
shows which steps will run, and why. Needs root: it starts itself again through sudo.

{STEPS_HELP}

examples:
  aio-image build                                  the default profile, {DEFAULT_PROFILE}
  aio-image build ./mine.yaml --output mine.qcow2
  aio-image build --set image.size='40 GiB'
  aio-image build --from root                      fresh packages from the mirror
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command_parser(subparsers, "build", "build an image", _DESCRIPTION)
    plan_arguments(parser)
    parser.add_argument(
        "--output",
        "-o",
        type=Path,
        metavar="FILE",
        help="where to put the image (default: build/<profile>.qcow2)",
    )
    parser.add_argument(
        "--keep-failed",
        action="store_true",
        help="keep what a failed step was working on, with a command to look inside",
    )


def run(args: argparse.Namespace) -> int:
    plan = plan_of(args)
    target: Path = args.output or Path("build") / f"{plan.profile}.qcow2"
    check_target(target)
    home = build_home()
    if "image" not in plan.targets:
        return _without_image(args, plan, home)
    rows = outlook(plan, home, start=args.start)
    image, manifest = _kept(plan, home)
    idle = all(row.action != "run" for row in rows)
    if not (idle and delivered(image, manifest, target)):
        ensure_root(_words(args), "a build")
    with events_for(args) as events:
        if os.geteuid() == 0 and any(home.work.glob("*")):
            _reap(home, events)
        if not idle:
            _build(args, plan, home, events)
        done = deliver(image, manifest, target)
        _tell(done, events, idle=idle)
    return 0


def _without_image(args: argparse.Namespace, plan: Plan, home: Home) -> int:
    """Build what can be built of a deployer that makes no image yet, and say how far it went."""
    ensure_root(_words(args), "a build")
    last = plan.step(plan.targets[-1])
    with events_for(args) as events:
        _build(args, plan, home, events)
        kept = home.steps / last.name / last.key
        events.emit(
            Notice(
                f"{plan.profile}: built up to {last.name}, kept in {kept}; "
                "this version makes no image of it yet",
                level="warning",
            )
        )
    return 0


def _build(args: argparse.Namespace, plan: Plan, home: Home, events: Events) -> None:
    # Imported here: a build with nothing to do is over before this would be loaded.
    from aio_image.execution.build import build  # noqa: PLC0415

    rows = outlook(plan, home, start=args.start)
    first = next((row for row in rows if row.action == "run"), None)
    why = f" ({first.step.name}: {first.reason})" if first else ""
    events.emit(Notice(f"{plan.profile}: {summary(rows)}{why}"))
    build(plan, home, events, start=args.start, keep_failed=args.keep_failed)


def _reap(home: Home, events: Events) -> None:
    """Free what a killed build left, also where there is nothing to build."""
    from aio_image.execution.build import reap_leftovers  # noqa: PLC0415

    reap_leftovers(home, events)


def _kept(plan: Plan, home: Home) -> tuple[Path, Path]:
    image, manifest = (home.steps / name / plan.step(name).key for name in ("image", "manifest"))
    return image / "image.qcow2", manifest / "manifest.json"


def _tell(done: Delivery, events: Events, *, idle: bool) -> None:
    if done.aside:
        was = f"{shown(done.image)} had been written to since it was built: kept as"
        events.emit(Notice(f"{was} {done.aside.name}", level="warning"))
    if idle and not done.fresh:
        events.emit(Notice("nothing to do: everything is as it was at the last build"))
    about = done.facts["image"]
    facts = {
        "path": str(done.image),
        "manifest": str(done.manifest),
        "sha256": about["sha256"],
        "bytes": about["bytes"],
        "fresh": done.fresh,
    }
    events.emit(Result("image", facts))


def _words(args: argparse.Namespace) -> list[str]:
    """The command line again, from what was understood of it."""
    words = ["build", args.profile]
    words += [word for setting in args.settings for word in ("--set", setting)]
    words += ["--output", str(args.output)] if args.output else []
    words += ["--from", args.start] if args.start else []
    for name in ("no_gate", "keep_failed", "json", "plain", "quiet"):
        words += [f"--{name.replace('_', '-')}"] if getattr(args, name) else []
    return words
