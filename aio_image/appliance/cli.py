"""``aio``: what a person (or a unit) asks of the appliance. Exit 0: done; 1: failed; 2: misused.

A command is a module of ``commands`` with ``arguments(parser)`` and ``run(given, layout) -> exit
code``. Only the one that is asked for is imported: slow machines feel each module.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from .layout import Layout
from .problems import ApplianceProblem

# Name and one line of help, as `aio --help` lists them; the module is named with underscores.
COMMANDS = {
    "status": "is the cloud healthy, and if not, what is missing",
    "check": "try the cloud out as its clients would, check by check",
    "enable": "run a service that is on the disk and asleep (heat, barbican)",
    "disable": "put it back to sleep",
    "readdress": "the cloud under another address or name",
    "credentials": "clouds.yaml or openrc for another machine, CA included",
    "recover": "find what is broken and mend it",
    "report": "a bundle of logs and states to hand on, without secrets",
    "rebuild": "make the cloud anew; passwords, addresses and configuration stay",
    "reset": "back to the state before first boot",
    "storage": "which disk the cloud's data is on, and what is free where",
}
INTERNAL = {
    "deploy": "OpenStack-Ansible at a staged image's first boot (run by aio-deploy.service)",
    "personalise": "first boot, and what changed since (run by aio-personalise.service)",
    "ssh-keys": "host keys for sshd (run by aio-ssh-keys.service)",
    "ready": "watch a boot (run by aio-ready.service)",
    "restore": "carry out a reset or rebuild (run by aio-reset.service)",
    "storage-attach": "data disk, loop files, LVM (run by aio-storage.service)",
    "storage-detach": "the same at shutdown",
}


def main(arguments: Sequence[str] | None = None, layout: Layout | None = None) -> int:
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(given, layout or Layout())
    except ApplianceProblem as problem:
        for detail in problem.details:
            print(f"  {detail}", file=sys.stderr)
        # In one line and last: what is shown of a failed unit is the last line it said.
        cure = f"; {problem.hint}" if problem.hint else ""
        print(f"aio: {problem.message}{cure}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 130


def _run(given: list[str], layout: Layout) -> int:
    every = COMMANDS | INTERNAL
    if not given or given[0] not in every:
        _overview(every).parse_args(given)
        return 2  # not reached: no such command, or help, has ended the program
    name = given[0]
    command = importlib.import_module(f".commands.{name.replace('-', '_')}", __package__)
    parser = argparse.ArgumentParser(prog=f"aio {name}", description=every[name])
    command.arguments(parser)
    return int(command.run(parser.parse_args(given[1:]), layout))


def _overview(every: dict[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aio", description="This OpenStack appliance.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, says in every.items():
        commands.add_parser(name, help=says)
    return parser
