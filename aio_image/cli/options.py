"""Options that several commands share, and where builds are kept."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from aio_image.errors import UsageError
from aio_image.paths import Home

DEFAULT_PROFILE = "debian-aio"
# What disk-image-create hands to a shell, to PATH and to mke2fs's options without quoting.
_NOT_IN_A_PATH = re.compile(r"[^\w./+@=,~-]")


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of descriptions and examples, and leaves room for long options."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=96)


class Parser(argparse.ArgumentParser):
    """Its errors are told as all others are, with --json too, and not under a screen of usage."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"`{self.prog} --help` says what there is")


def output_options(default: object = argparse.SUPPRESS) -> argparse.ArgumentParser:
    """--json, --plain and --quiet, as a parent parser: they may stand before or after a command."""
    parser = argparse.ArgumentParser(add_help=False)
    group = parser.add_argument_group("output")
    choice = group.add_mutually_exclusive_group()
    choice.add_argument(
        "--json", action="store_true", default=default, help="JSON (lines, while something runs)"
    )
    choice.add_argument(
        "--plain", action="store_true", default=default, help="plain lines, also on a terminal"
    )
    choice.add_argument(
        "--quiet", "-q", action="store_true", default=default, help="results and errors only"
    )
    return parser


def command_parser(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    description: str,
) -> argparse.ArgumentParser:
    """The parser of the command ``name``, with the options that all commands have."""
    return subparsers.add_parser(
        name,
        help=summary,
        description=description,
        formatter_class=HelpFormatter,
        parents=[output_options()],
    )


def profile_arguments(parser: argparse.ArgumentParser) -> None:
    """PROFILE and --set."""
    parser.add_argument(
        "profile",
        nargs="?",
        default=DEFAULT_PROFILE,
        metavar="PROFILE",
        help="name of a shipped profile, or the path of a file of yours (default: %(default)s)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="override one value, as --set image.size='20 GiB'; may be repeated",
    )


def build_home() -> Home:
    """Where builds are kept: $AIO_IMAGE_HOME or, since builds run as root, root's own place."""
    if os.environ.get("AIO_IMAGE_HOME") or os.geteuid() == 0:
        return Home.default()
    return Home(Path("/var/cache/aio-image"))


def check_home() -> None:
    """Raise UsageError when $AIO_IMAGE_HOME cannot be a folder, or builds cannot work in it."""
    named = os.environ.get("AIO_IMAGE_HOME")
    if not named:
        return
    folder = Path(named).absolute()
    if odd := sorted(set(_NOT_IN_A_PATH.findall(str(folder)))):
        told = ", ".join("a blank" if each.isspace() else each for each in odd)
        raise UsageError(
            f"AIO_IMAGE_HOME={named}: there is {told} in its path, "
            "which disk-image-create's scripts cannot work with",
            hint="name a folder whose path has letters, digits and . _ + @ = , ~ - only",
        )
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not nearest.is_dir():
        raise UsageError(
            f"AIO_IMAGE_HOME={named}: {nearest} is not a folder",
            hint="name a folder, which is made where there is none, or unset it",
        )


def columns(rows: Sequence[Sequence[str]], gap: str = "  ") -> list[str]:
    """Lines in which every column but the last is as wide as its longest word."""
    if not rows:
        return []
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]) - 1)]
    return [
        gap.join(
            [*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]
        ).rstrip()
        for row in rows
    ]
