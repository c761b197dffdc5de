"""Plain lines, for logs and CI: what begins, a sign of life now and then, what came of it."""

from __future__ import annotations

import time
from typing import TextIO

from aio_image.report.events import StepProgress, StepStarted
from aio_image.report.following import Following
from aio_image.report.lines import Style, started_line
from aio_image.report.words import spell_seconds


class Plain(Following):
    """Only ever appends. Progress makes a line when the last one is ``every`` seconds old.

    Where nothing is heard from a step for four times as long, its last message is said again
    with the time: a silent step and a dead one look different.
    """

    def __init__(self, stream: TextIO, every: float = 15.0) -> None:
        super().__init__(stream, Style.of(stream, colour=False), every / 3)
        self._every = every
        self._last_line = 0.0
        self._said = ""

    def started(self, step: StepStarted) -> None:
        self._said = ""
        self.put(f"{time.strftime('%H:%M:%S')} {started_line(step)}")

    def progressed(self, progress: StepProgress) -> None:
        self._maybe(progress.message, self._every)

    def tick(self) -> None:
        message = self.progress.message if self.progress else ""
        self._maybe(message, 4 * self._every if message == self._said else self._every)

    def put(self, *lines: str) -> None:
        if lines:
            self._last_line = time.monotonic()
            self.write(*lines)

    def _maybe(self, message: str, quiet_for: float) -> None:
        now = time.monotonic()
        if self.step is not None and now - self._last_line >= quiet_for:
            self._said = message
            self.put(f"    {spell_seconds(now - self.began):>9}  {message}".rstrip())
