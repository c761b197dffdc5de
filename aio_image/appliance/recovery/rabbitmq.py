"""RabbitMQ: started anew when it does not run, or does not answer.

Row: ``{"kind": "rabbitmq", "unit": ..., "data": folder, "definitions": file}``. Without ``data`` it
forgets what it keeps at each start by itself. With it, tables that keep it from starting are set
aside, where its ``definitions`` have the users that the new ones are to have; what does not help is
put back.
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
from .model import Finding, ask, kill, start, stop

# Up, and no answer yet.
_ANSWER_SECONDS = 300
# Its unit gives it half an hour (files/dropins/rabbitmq.conf): it is the unit that says it failed.
_START_SECONDS = 2000
# That its tables have been whole once; without it a start begins anew (21-aio-first-start.conf).
_WHOLE = ".aio-whole"


def examine(row: Mapping[str, Any], layout: Layout) -> list[Finding]:
    unit = row["unit"]
    if _runs(unit):
        return []
    said = "does not answer" if _state(unit).startswith("active") else units.last_words(unit)
    data = _place(row, "data", layout)
    definitions = _place(row, "definitions", layout)
    if data is None or definitions is None or not definitions.exists():
        return [Finding(unit, said, "restart it", lambda: _revive(unit))]
    cure = (
        f"restart it, if need be with its tables set aside ({row['data']}.broken-...): users that "
        "playbooks have added since the image was made are then for these playbooks to make again"
    )
    return [Finding(unit, said, cure, lambda: _begin_anew(unit, data))]


def _place(row: Mapping[str, Any], word: str, layout: Layout) -> Path | None:
    if word not in row:
        return None
    return layout.at(roots.outside(layout.root, units.home(row["unit"]), row[word]))


def _state(unit: str) -> str:
    found = units.show([unit]).get(unit)
    return found.state if found else ""


def _runs(unit: str) -> bool:
    """Whether it answers, if need be once its start is over. A start that failed is not waited for.

    The client gives up where no node is yet, so it is asked again and again.
    """
    end = time.monotonic() + _START_SECONDS
    answer = 0.0
    while (now := time.monotonic()) < end:
        state = _state(unit)
        if state.startswith("active"):
            answer = answer or now + _ANSWER_SECONDS
            if now > answer:
                return False
        elif not state.startswith("activating") or _failed(unit):
            return False
        wait = ("rabbitmqctl", "--quiet", "await_startup", "--timeout", "60")
        code, _ = ask(*wait, seconds=90, home=units.home(unit))
        if code == 0:
            return True
        time.sleep(2)
    return False


def _failed(unit: str) -> bool:
    """Whether its last start has failed, though systemd may try again."""
    found = units.show([unit]).get(unit)
    return found is not None and (found.failed or found.tries > 0 or "auto-" in found.state)


def _begin_anew(unit: str, data: Path) -> None:
    try:
        _revive(unit)
    except ApplianceProblem:
        # What only does not answer, or takes its time, says nothing of its tables.
        if not (_failed(unit) and data.exists()):
            raise
        _halt(unit)
        _without(unit, data)


def _without(unit: str, data: Path) -> None:
    """Start it without its tables, which stay beside; they are put back where that is no help."""
    aside = data.with_name(f"{data.name}.broken-{time.strftime('%Y%m%d%H%M%S')}")
    whole = data.with_name(_WHOLE)
    known = whole.exists()
    # In this order: tables without the mark are taken for half-made ones.
    data.rename(aside)
    whole.unlink(missing_ok=True)
    try:
        _start(unit)
    except ApplianceProblem:
        _halt(unit)
        shutil.rmtree(data, ignore_errors=True)
        if known:
            whole.touch()
        aside.rename(data)
        raise


def _revive(unit: str) -> None:
    _halt(unit)
    _start(unit)


def _start(unit: str) -> None:
    start(unit, seconds=_START_SECONDS)
    if not _runs(unit):
        raise ApplianceProblem(
            f"{unit}: does not start: {units.last_words(unit)}", hint=f"journalctl -u {unit}"
        )


def _halt(unit: str) -> None:
    try:
        stop(unit)
    except ApplianceProblem:
        kill(unit)
