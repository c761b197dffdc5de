"""``aio status``: exits 0 when healthy, 3 while it works, 1 when something failed."""

from __future__ import annotations

import argparse
import json
import shutil
import time
from typing import Any

from ..layout import Layout
from ..problems import ApplianceProblem

_EXIT = {"healthy": 0, "failed": 1, "working": 3}
# Seconds: what took less is nobody's to save.
_QUICK = 0.1


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the whole status as JSON")
    parser.add_argument("--follow", action="store_true", help="until it is healthy")
    parser.add_argument("--timeline", action="store_true", help="where the boot's seconds went")
    parser.add_argument("--all", action="store_true", help="with --timeline: also what was quick")


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
        return "\n".join(_timeline(given, status))
    step = f" {status['done']}/{status['total']}" if status.get("total") else ""
    lines = [f"{status['state']}: {status['stage']}{step}: {status['detail']}"]
    lines += [f"  failed: {one['unit']}: {one['said']}" for one in status.get("failures", [])]
    lines += [f"  {one}" for one in status.get("problems", [])]
    lines += [f"  warning: {one}" for one in status.get("warnings", [])]
    if status.get("hypervisor") and not given.follow:
        how = {"kvm": "with the processor's help (KVM)", "qemu": "emulated (QEMU without KVM)"}
        lines.append(f"  instances run {how.get(status['hypervisor'], status['hypervisor'])}")
    if status.get("waiting") and not given.follow:
        lines.append(f"  waiting for: {' '.join(status['waiting'])}")
    return "\n".join(lines)


def _timeline(given: argparse.Namespace, status: dict[str, Any]) -> list[str]:
    # Imported here: the status alone is asked for more often.
    from .. import timeline  # noqa: PLC0415

    spans = timeline.together(
        timeline.of_status(status), timeline.of_systemd(), 0.0 if given.all else _QUICK
    )
    return timeline.draw(spans, shutil.get_terminal_size((100, 24)).columns)
