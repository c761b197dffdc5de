"""``aio status``: exits 0 when healthy, 3 while it works, 1 when something failed."""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from ..layout import Layout
from ..problems import ApplianceProblem

_EXIT = {"healthy": 0, "failed": 1, "working": 3}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the whole status as JSON")
    parser.add_argument("--follow", action="store_true", help="until it is healthy")
    parser.add_argument("--timeline", action="store_true", help="when each unit and API came up")


def run(given: argparse.Namespace, layout: Layout) -> int:
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
