"""``aio disable``: puts an enabled service back to sleep. What it keeps stays."""

from __future__ import annotations

import argparse

from .. import enable
from ..layout import Layout
from .enable import need_root, teller


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", nargs="+", help="what to disable; `aio enable --list` names all")


def run(given: argparse.Namespace, layout: Layout) -> int:
    need_root("disable")
    for name in given.service:
        done = enable.disable(layout, name, teller(name))
        print(f"{name} is disabled" if done else f"{name} is not enabled")
    return 0
