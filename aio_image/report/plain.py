"""Plain lines, for logs and CI: what begins, a sign of life now and then, what came of it."""

from __future__ import annotations

import threading
import time
from typing import TextIO

from aio_image.report.base import Reporter
from aio_image.report.events import Event, StepFailed, StepFinished, StepProgress, StepStarted
from aio_image.report.lines import Style, lines_of, started_line
from aio_image.report.ticker import Ticker
from aio_image.report.words import spell_seconds


class Plain(Reporter):
    """Only ever appends. Progress makes a line when the last one is ``every`` seconds old.

    Where nothing is heard from a step for four times as long, its last message is said again
    with the time: a silent step and a dead one look different.
    """

    def __init__(self, stream: TextIO, every: float = 15.0) -> None:
        super().__init__(stream)
        self._every = every
        self._style = Style.of(stream, colour=False)
        self._lock = threading.Lock()
        self._ticker = Ticker(every / 3, self._tick)
        self._began: float | None = None
        self._last_line = 0.0
        self._message = ""
        self._said = ""

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepFinished | StepFailed):
            self._ticker.stop()
        with self._lock:
            match event:
                case StepStarted():
                    self._began = time.monotonic()
                    self._message = self._said = ""
                    self._put(f"{time.strftime('%H:%M:%S')} {started_line(event)}")
                case StepProgress():
                    self._message = event.message
                    self._maybe(self._every)
                case StepFinished() | StepFailed():
                    self._began = None
                    self._put(*lines_of(event, self._style))
                case _:
                    self._put(*lines_of(event, self._style))
        if isinstance(event, StepStarted):
            self._ticker.start()

    def close(self) -> None:
        self._ticker.stop()

    def _tick(self) -> None:
        with self._lock:
            fresh = self._message != self._said
            self._maybe(self._every if fresh else 4 * self._every)

    def _maybe(self, quiet_for: float) -> None:
        now = time.monotonic()
        if self._began is not None and now - self._last_line >= quiet_for:
            self._said = self._message
            self._put(f"    {spell_seconds(now - self._began):>9}  {self._message}".rstrip())

    def _put(self, *lines: str) -> None:
        if lines:
            self._last_line = time.monotonic()
            self.write(*lines)
