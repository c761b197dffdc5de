"""RabbitMQ: started anew when it does not run, or does not answer.

Row: ``{"kind": "rabbitmq", "unit": ..., "data": folder}``. Without ``data`` it forgets what it
keeps at each start by itself. With it, tables that keep it from starting are set aside: it makes
new ones, with the users of its definitions.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import roots, units
from ..layout import Layout
from ..problems import ApplianceProblem
from .model import Finding, active, ask, kill, start, stop

_START_SECONDS = 300


def examine(row: Mapping[str, Any], layout: Layout) -> list[Finding]:
    unit = row["unit"]
    if _runs(unit):
        return []
    said = "does not run" if active(unit) else units.last_words(unit)
    if "data" not in row:
        return [Finding(unit, said, "restart it", lambda: _revive(unit))]
    data = layout.at(roots.outside(layout.root, units.home(unit), row["data"]))
    cure = (
        f"restart it, if need be with its tables set aside ({row['data']}.broken): users that "
        "playbooks have added since the image was made are then for these playbooks to make again"
    )
    return [Finding(unit, said, cure, lambda: _begin_anew(unit, data))]


def _runs(unit: str) -> bool:
    """Whether it is up, or comes up while its unit is: the client gives up where no node is yet."""
    until = time.monotonic() + _START_SECONDS
    while active(unit) and time.monotonic() < until:
        wait = ("rabbitmqctl", "--quiet", "await_startup", "--timeout", "60")
        code, _ = ask(*wait, seconds=90, home=units.home(unit))
        if code == 0:
            return True
        time.sleep(2)
    return False


def _begin_anew(unit: str, data: Path) -> None:
    try:
        _revive(unit)
    except ApplianceProblem:
        _halt(unit)
        aside = data.with_name(f"{data.name}.broken")
        if aside.exists():
            shutil.rmtree(aside)
        if data.exists():
            data.rename(aside)
        _start(unit)


def _revive(unit: str) -> None:
    _halt(unit)
    _start(unit)


def _start(unit: str) -> None:
    start(unit)
    if not _runs(unit):
        raise ApplianceProblem(
            f"{unit}: does not start: {units.last_words(unit)}", hint=f"journalctl -u {unit}"
        )


def _halt(unit: str) -> None:
    try:
        stop(unit)
    except ApplianceProblem:
        kill(unit)
