"""A root file system without room, at a boot of a cloud that is there.

Programs that cannot write end in words of their own, and not every one is tried again: MariaDB's
unit is not, nor one that failed too often. So it is said what is wrong, and what it
stopped is started again when there is room.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence

from . import notices, troubles
from . import units as systemd
from .layout import Layout

# MiB. Below this RabbitMQ refuses messages (50) and MariaDB does not start (its temporary
# tablespace, 12, and its log).
_LEAST = 100
_SOURCE = "room"


class Room:
    """One boot's look at it. ``start`` starts the units it is given, those that run left alone."""

    def __init__(
        self,
        layout: Layout,
        units: Sequence[str],
        start: Callable[[Sequence[str]], None] | None = None,
        least: int = _LEAST,
    ) -> None:
        self._layout, self._units, self._least = layout, units, least
        self._start = start or _start
        self._lacked = False

    def look(self) -> None:
        """Warn while there is next to no room; when there is some again, start all units."""
        problem = troubles.without_room(self._layout.root, self._least)
        warnings = [f"{problem.message}; {problem.hint}"] if problem else []
        notices.put(self._layout, _SOURCE, warnings)
        if self._lacked and problem is None:
            self._start(self._units)
        self._lacked = problem is not None


def _start(units: Sequence[str]) -> None:
    for words in (("reset-failed",), ("start", "--no-block")):
        for command in systemd.commands(words, units):
            subprocess.run(command, capture_output=True, check=False)
