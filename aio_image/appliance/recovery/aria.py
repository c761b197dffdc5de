"""Aria, in which MariaDB keeps its own tables and temporary ones: a server that its log keeps down.

Without the log each table is recovered by itself when it is opened.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .model import stop

_LOGS = ("aria_log_control", "aria_log.[0-9]*[0-9]", "tc.log")


def started(unit: str, data: Path, starts: Callable[[], bool]) -> bool:
    """Whether the server of ``unit`` with its files in ``data`` ``starts``, if need be without
    Aria's log; the log is put back when that did not help. Be with the unit stopped.
    """
    if starts():
        return True
    stop(unit)
    logs = [log for name in _LOGS for log in data.glob(name)]
    aside = {log: log.rename(log.with_name(f"{log.name}.broken")) for log in logs}
    if starts():
        return True
    stop(unit)
    for log, kept in aside.items():
        kept.replace(log)
    return False
