"""A reporter that also speaks between events: it follows the step that runs."""

from __future__ import annotations

import threading
import time
from typing import TextIO

from aio_image.report.base import Reporter
from aio_image.report.events import Event, StepFailed, StepFinished, StepProgress, StepStarted
from aio_image.report.lines import Style, lines_of
from aio_image.report.ticker import Ticker


class Following(Reporter):
    """Keeps ``step``, the one that runs, when it ``began`` (monotonic) and its last ``progress``.

    Everything but ``__call__`` and ``close`` is called with the lock held: events and ticks may
    come from different threads.
    """

    def __init__(self, stream: TextIO, style: Style, tick_seconds: float) -> None:
        super().__init__(stream)
        self.style = style
        self.step: StepStarted | None = None
        self.progress: StepProgress | None = None
        self.began = 0.0
        self._lock = threading.Lock()
        self._ticker = Ticker(tick_seconds, self._tick)

    def put(self, *lines: str) -> None:
        """Write lines that stay."""
        raise NotImplementedError

    def started(self, step: StepStarted) -> None:
        """``step`` has begun."""

    def progressed(self, progress: StepProgress) -> None:
        """The step that runs said something."""

    def tick(self) -> None:
        """Some time went by while a step runs."""

    def __call__(self, event: Event) -> None:
        # Outside the lock: stopping waits for a tick, which takes it.
        if isinstance(event, StepFinished | StepFailed):
            self._ticker.stop()
        with self._lock:
            match event:
                case StepStarted():
                    self.step, self.progress = event, None
                    self.began = time.monotonic()
                    self.started(event)
                case StepProgress():
                    self.progress = event
                    self.progressed(event)
                case StepFinished() | StepFailed():
                    self.step = None
                    self.put(*lines_of(event, self.style))
                case _:
                    self.put(*lines_of(event, self.style))
        if isinstance(event, StepStarted):
            self._ticker.start()

    def close(self) -> None:
        self._ticker.stop()
        with self._lock:
            self.step = None
            self.put()

    def _tick(self) -> None:
        with self._lock:
            if self.step is not None:
                self.tick()
