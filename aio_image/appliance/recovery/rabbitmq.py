"""RabbitMQ: what it keeps is transient (services declare their queues anew), so it may be lost.

Row: ``{"kind": "rabbitmq", "unit": ..., "data": folder}``; users come from its definitions file.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import units
from ..layout import Layout
from ..problems import ApplianceProblem
from .model import Finding, active, ask, do, start, stop

_START_SECONDS = 300


def examine(row: Mapping[str, Any], layout: Layout) -> list[Finding]:
    unit = row["unit"]
    if _runs(unit):
        return []
    said = "does not run" if active(unit) else units.last_words(unit)
    return [
        Finding(
            unit, said, "restart it, if need be with its queues forgotten",
            lambda: _revive(unit, layout.at(row["data"])),
        )
    ]  # fmt: skip


def _runs(unit: str) -> bool:
    """Whether it is up, or comes up while its unit is: the client gives up where no node is yet."""
    until = time.monotonic() + _START_SECONDS
    while active(unit) and time.monotonic() < until:
        code, _ = ask("rabbitmqctl", "--quiet", "await_startup", "--timeout", "60", seconds=90)
        if code == 0:
            return True
        time.sleep(2)
    return False


def _revive(unit: str, data: Path) -> None:
    if _restarted(unit):
        return
    _halt(unit)
    for path in data.iterdir() if data.is_dir() else ():
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    if not _restarted(unit):
        raise ApplianceProblem(
            f"{unit}: does not start without its data either: {units.last_words(unit)}",
            hint=f"journalctl -u {unit}",
        )


def _restarted(unit: str) -> bool:
    _halt(unit)
    with suppress(ApplianceProblem):
        start(unit)
        return _runs(unit)
    return False


def _halt(unit: str) -> None:
    try:
        stop(unit)
    except ApplianceProblem:
        do("systemctl", "kill", "--signal=KILL", unit)
