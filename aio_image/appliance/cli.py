"""``aio``: what a person (or a unit) asks of the appliance. Exit 0: done; 1: failed; 2: misused.

``status`` exits 0 when healthy, 3 while it works, 1 when something failed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .layout import Layout
from .problems import ApplianceProblem

_EXIT = {"healthy": 0, "failed": 1, "working": 3}


def main(arguments: Sequence[str] | None = None, layout: Layout | None = None) -> int:
    layout = layout or Layout()
    given = _parser().parse_args(arguments)
    try:
        return int(given.run(given, layout))
    except ApplianceProblem as problem:
        for detail in problem.details:
            print(f"  {detail}", file=sys.stderr)
        # In one line and last: what is shown of a failed unit is the last line it said.
        cure = f"; {problem.hint}" if problem.hint else ""
        print(f"aio: {problem.message}{cure}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aio", description="This OpenStack appliance.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    status = commands.add_parser("status", help="is the cloud healthy, and if not, what is missing")
    status.add_argument("--json", action="store_true", help="the whole status as JSON")
    status.add_argument("--follow", action="store_true", help="until it is healthy")
    status.add_argument("--timeline", action="store_true", help="when each unit and API came up")
    status.set_defaults(run=_status)

    credentials = commands.add_parser(
        "credentials", help="clouds.yaml or openrc for another machine, CA included"
    )
    credentials.add_argument(
        "what", nargs="?", choices=("clouds", "openrc", "ca"), default="openrc",
        help="what to print: an openrc with the CA inside (default), a clouds.yaml, or the CA",
    )  # fmt: skip
    credentials.add_argument(
        "--output", type=Path, metavar="FOLDER", help="write clouds.yaml and aio-ca.pem there"
    )
    credentials.set_defaults(run=_credentials)

    for name, function, says in (
        ("personalise", _personalise, "first boot (run by aio-personalise.service)"),
        ("ready", _ready, "watch a boot (run by aio-ready.service)"),
        ("storage-attach", _attach, "cinder's disk (run by aio-cinder-volumes.service)"),
        ("storage-detach", _detach, "the same at shutdown"),
    ):
        internal = commands.add_parser(name, help=says)
        internal.set_defaults(run=function)
    return parser


def _status(given: argparse.Namespace, layout: Layout) -> int:
    said = ""
    while True:
        status = _read_status(layout)
        state = str(status["state"])
        text = _status_text(given, status)
        if text != said:
            print(text, flush=True)
            said = text
        if not given.follow or state == "healthy":
            return _EXIT.get(state, 1)
        time.sleep(1)


def _read_status(layout: Layout) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(layout.status.read_text("utf-8"))
    except PermissionError as error:
        raise ApplianceProblem(
            f"{error.filename}: for root and the group adm", hint="use sudo"
        ) from error
    except FileNotFoundError:
        return {"state": "working", "stage": "boot", "detail": "nothing has started yet"}
    return found


def _status_text(given: argparse.Namespace, status: dict[str, Any]) -> str:
    if given.json:
        return json.dumps(status, indent=None if given.follow else 2)
    if given.timeline:
        rows = sorted(status.get("timeline", []), key=lambda one: float(one["uptime"]))
        return "\n".join(f"{one['uptime']:8.1f} s  {one['kind']:4}  {one['name']}" for one in rows)
    step = f" {status['done']}/{status['total']}" if status.get("total") else ""
    lines = [f"{status['state']}: {status['stage']}{step}: {status['detail']}"]
    lines += [f"  failed: {one['unit']}: {one['said']}" for one in status.get("failures", [])]
    if status.get("waiting") and not given.follow:
        lines.append(f"  waiting for: {' '.join(status['waiting'])}")
    return "\n".join(lines)


def _credentials(given: argparse.Namespace, layout: Layout) -> int:
    from . import credentials  # noqa: PLC0415 - what units run should not load this

    found = credentials.load(layout)
    if given.output is not None:
        for path in credentials.write(found, given.output.absolute()):
            print(path)
        return 0
    if given.what == "ca":
        print(found.ca, end="")
    elif given.what == "clouds":
        print(f"# Needs the CA beside it: aio credentials ca >{credentials.CLOUD}-ca.pem")
        print(credentials.clouds_yaml(found, f"{credentials.CLOUD}-ca.pem"), end="")
    else:
        print(credentials.openrc(found), end="")
    return 0


def _personalise(_: argparse.Namespace, layout: Layout) -> int:
    from . import personalise, status  # noqa: PLC0415

    personalise.run(layout, status.Reporter(layout))
    return 0


def _ready(_: argparse.Namespace, layout: Layout) -> int:
    from . import ready, status  # noqa: PLC0415

    ready.run(layout, status.Reporter(layout))
    return 0


def _attach(_: argparse.Namespace, layout: Layout) -> int:
    from . import storage  # noqa: PLC0415

    storage.attach(layout)
    return 0


def _detach(_: argparse.Namespace, __: Layout) -> int:
    from . import storage  # noqa: PLC0415

    storage.detach()
    return 0
