"""The live terminal: finished things stay as lines, what goes on is one line redrawn in place."""

from __future__ import annotations

import os
import shutil
import threading
import time
import unicodedata
from typing import TextIO

from aio_image.report.base import Reporter
from aio_image.report.events import Event, StepFailed, StepFinished, StepProgress, StepStarted
from aio_image.report.lines import Style, lines_of
from aio_image.report.ticker import Ticker
from aio_image.report.words import spell_seconds

_FRAMES = {True: "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", False: "|/-\\"}
_REDRAW_SECONDS = 0.2
_CLEAR = "\r\x1b[K"


class Live(Reporter):
    """Redraws its last line five times a second while a step runs."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._style = Style.of(stream, colour="NO_COLOR" not in os.environ)
        self._lock = threading.Lock()
        self._ticker = Ticker(_REDRAW_SECONDS, self._redraw)
        self._step: StepStarted | None = None
        self._progress: StepProgress | None = None
        self._began = 0.0
        self._frame = 0
        self._drawn = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepFinished | StepFailed):
            self._ticker.stop()
        with self._lock:
            match event:
                case StepStarted():
                    self._step, self._progress = event, None
                    self._began = time.monotonic()
                case StepProgress():
                    self._progress = event
                case StepFinished() | StepFailed():
                    self._step = None
                    self._put(*lines_of(event, self._style))
                case _:
                    self._put(*lines_of(event, self._style))
        if isinstance(event, StepStarted):
            self._ticker.start()
            self._redraw()

    def close(self) -> None:
        self._ticker.stop()
        with self._lock:
            self._step = None
            self._put()

    def _put(self, *lines: str) -> None:
        cleared = _CLEAR if self._drawn else ""
        self._drawn = False
        self.stream.write(cleared + "".join(f"{line}\n" for line in lines))
        self.stream.flush()

    def _redraw(self) -> None:
        with self._lock:
            if self._step is None:
                return
            frames = _FRAMES[self._style.unicode]
            self._frame = (self._frame + 1) % len(frames)
            width = shutil.get_terminal_size().columns - 1
            line = cut(f"{frames[self._frame]} {self._now(self._step)}", width)
            self.stream.write(f"{_CLEAR}{line}")
            self.stream.flush()
            self._drawn = True

    def _now(self, step: StepStarted) -> str:
        elapsed = time.monotonic() - self._began
        about = f" of about {spell_seconds(step.expected_seconds)}" if step.expected_seconds else ""
        line = f"{step.title}  {spell_seconds(elapsed)}{about}"
        if self._progress is not None:
            fraction = self._progress.fraction
            done = "" if fraction is None else f"{fraction:.0%} "
            line += f"  {done}{self._progress.message}"
        return line


def cut(line: str, width: int) -> str:
    """``line`` without control characters, cut to ``width`` columns of a terminal."""
    room, kept = width, ""
    for character in line:
        if unicodedata.category(character).startswith("C"):
            continue
        room -= 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if room < 0:
            break
        kept += character
    return kept
