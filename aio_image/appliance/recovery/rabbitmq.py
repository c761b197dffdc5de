"""RabbitMQ: what it keeps is transient (services declare their queues anew), so it may be lost.

Row: ``{"kind": "rabbitmq", "unit": ..., "data": folder}``; users come from its definitions file.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import units
from ..layout import Layout
from ..problems import ApplianceProblem
from .model import Finding, active, ask, do, start, stop


def examine(row: Mapping[str, Any], layout: Layout) -> list[Finding]:
    unit = row["unit"]
    if active(unit) and _runs():
        return []
    said = "does not run" if active(unit) else units.last_words(unit)
    return [
        Finding(
            unit, said, "restart it, if need be with its queues forgotten",
            lambda: _revive(unit, layout.at(row["data"])),
        )
    ]  # fmt: skip


def _runs() -> bool:
    return ask("rabbitmqctl", "--quiet", "await_startup", "--timeout", "60", seconds=90)[0] == 0


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
        return _runs()
    return False


def _halt(unit: str) -> None:
    try:
        stop(unit)
    except ApplianceProblem:
        do("systemctl", "kill", "--signal=KILL", unit)
