"""``aio disable``: puts an enabled service back to sleep. What it keeps stays."""

from __future__ import annotations

import argparse

from .. import enable
from ..deploying import additions
from ..layout import Layout
from ..problems import ApplianceProblem
from .enable import need_root, teller


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", nargs="+", help="what to disable; `aio enable --list` names all")


def run(given: argparse.Namespace, layout: Layout) -> int:
    need_root("disable")
    for name in given.service:
        if additions.find(layout, name):
            raise ApplianceProblem(
                f"{name} is OpenStack-Ansible's, which has no playbook that takes a service away",
                hint="aio rebuild makes the cloud anew, without it",
            )
        done = enable.disable(layout, name, teller(name))
        print(f"{name} is disabled" if done else f"{name} is not enabled")
    return 0
