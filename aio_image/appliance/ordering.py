"""Asking, and then ordering a reset or a rebuild: what their two commands have in common."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from . import reset
from .layout import Layout
from .problems import ApplianceProblem


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--no-reboot", action="store_true", help="at the next boot, not now")
    parser.add_argument("--cancel", action="store_true", help="take back what --no-reboot ordered")


def run(given: argparse.Namespace, layout: Layout, what: str) -> int:
    """Exit code 0: ordered (and rebooting) or taken back; 1: refused, or the answer was no."""
    if os.geteuid() != 0:
        raise ApplianceProblem("for root only", hint="use sudo")
    if given.cancel:
        print("taken back" if reset.cancel(layout) else "nothing was ordered")
        return 0
    if not given.yes and not _agreed(what):
        print("nothing was changed")
        return 1
    reset.place(layout, what)
    if given.no_reboot:
        print(f"the next boot carries out the {what}; take it back with: aio {what} --cancel")
        return 0
    print(f"rebooting: the {what} is carried out, then the appliance boots once more")
    subprocess.run(["systemctl", "reboot"], check=True)
    return 0


def _agreed(what: str) -> bool:
    for line in reset.lost(what):
        print(f"  {line}")
    if not sys.stdin.isatty():
        raise ApplianceProblem("nobody to ask", hint=f"aio {what} --yes")
    return input(f"Really {what} this appliance? Type yes: ").strip() == "yes"
