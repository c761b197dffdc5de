"""RabbitMQ: started anew when it does not run, or does not answer.

Row: ``{"kind": "rabbitmq", "unit": ...}``. What it keeps it forgets at each start by itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from .. import units
from ..layout import Layout
from ..problems import ApplianceProblem
from .model import Finding, active, ask, kill, start, stop

_START_SECONDS = 300


def examine(row: Mapping[str, Any], layout: Layout) -> list[Finding]:  # noqa: ARG001 - of all kinds
    unit = row["unit"]
    if _runs(unit):
        return []
    said = "does not run" if active(unit) else units.last_words(unit)
    return [Finding(unit, said, "restart it", lambda: _revive(unit))]


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


def _revive(unit: str) -> None:
    try:
        stop(unit)
    except ApplianceProblem:
        kill(unit)
    start(unit)
    if not _runs(unit):
        raise ApplianceProblem(
            f"{unit}: does not start: {units.last_words(unit)}", hint=f"journalctl -u {unit}"
        )
