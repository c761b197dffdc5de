"""``aio deploy``: OpenStack-Ansible's scripts and playbooks at a staged image's first boot."""

from __future__ import annotations

import argparse

from .. import readdress
from ..deploying import orders, work
from ..layout import Layout
from ..status import Reporter


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--list", action="store_true", help="what is over, and what is left")


def run(given: argparse.Namespace, layout: Layout) -> int:
    if given.list:
        print(listing(layout))
        return 0
    left = orders.left(layout)
    reporter = Reporter(layout)
    work.run(layout, reporter)
    if left and layout.settle.exists():
        # What waited for the cloud to be there. Cut off before, the next boot does it.
        readdress.now(layout, reporter)
    return 0


def listing(layout: Layout) -> str:
    """One line a step: name, and how long it took or that it is to come."""
    done = {one.name: one for one in orders.over(layout)}
    lines = []
    for step in orders.load(layout.orders).steps:
        one = done.get(step.name)
        said = f"{one.tasks} tasks, {one.seconds:.0f} s" if one else "to come"
        lines.append(f"{step.name:22} {said}")
    return "\n".join(lines)
