"""``aio enable``: services that are on the disk and asleep. Exits 0 also when it runs already."""

from __future__ import annotations

import argparse
import os

from .. import enable, optional
from ..deploying import additions
from ..layout import Layout
from ..problems import ApplianceProblem


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", nargs="*", help="what to enable; none: list what there is")
    parser.add_argument("--list", action="store_true", help="list what there is, and its state")
    parser.add_argument("--force", action="store_true", help="even where memory is short")
    parser.add_argument("--resume", action="store_true", help=argparse.SUPPRESS)


def run(given: argparse.Namespace, layout: Layout) -> int:
    if given.resume:
        enable.resume(layout, lambda says: print(says, flush=True))
        return 0
    if given.list or not given.service:
        print(listing(layout))
        return 0
    need_root("enable")
    for name in given.service:
        if addition := additions.find(layout, name):
            done = additions.add(layout, addition, teller(name))
            print(f"{name} is enabled{'' if done else ' already'}")
            continue
        if not enable.enable(layout, name, teller(name), force=given.force):
            print(f"{name} is enabled already")
            continue
        row = optional.find(layout, name)
        print(f"{name} is enabled: {row.title}, port {row.row['api']['port']}")
    return 0


def listing(layout: Layout) -> str:
    """One line a service: name, state, title, memory."""
    begun = optional.changing(layout)
    lines = []
    for one in optional.every(layout):
        state = "enabled" if one.runs else "dormant"
        if begun and begun.name == one.name:
            verb = "enable" if begun.runs else "disable"
            state = f"interrupted; run: aio {verb} {one.name}"
        lines.append(f"{one.name:10} {state:10} {one.title} ({one.memory} MiB)")
    for addition in additions.every(layout):
        state = "enabled" if addition.added else "not added"
        lines.append(f"{addition.name:10} {state:10} {addition.title} (by OpenStack-Ansible)")
    return "\n".join(lines) or "this appliance has no optional services"


def teller(name: str) -> enable.Told:
    return lambda says: print(f"{name}: {says}", flush=True)


def need_root(what: str) -> None:
    if os.geteuid() != 0:
        raise ApplianceProblem(f"aio {what} is for root only", hint=f"sudo aio {what}")
