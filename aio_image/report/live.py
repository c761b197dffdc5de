"""The live terminal: finished things stay as lines, what goes on is one line redrawn in place."""

from __future__ import annotations

import os
import shutil
import time
import unicodedata
from typing import TextIO

from aio_image.report.events import StepStarted
from aio_image.report.following import Following
from aio_image.report.lines import Style
from aio_image.report.words import spell_seconds

_FRAMES = {True: "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", False: "|/-\\"}
_REDRAW_SECONDS = 0.2
_CLEAR = "\r\x1b[K"


class Live(Following):
    """Redraws its last line five times a second while a step runs."""

    def __init__(self, stream: TextIO) -> None:
        style = Style.of(stream, colour="NO_COLOR" not in os.environ)
        super().__init__(stream, style, _REDRAW_SECONDS)
        self._frame = 0
        self._drawn = False

    def started(self, step: StepStarted) -> None:
        self._redraw(step)

    def tick(self) -> None:
        if self.step is not None:
            self._redraw(self.step)

    def put(self, *lines: str) -> None:
        cleared = _CLEAR if self._drawn else ""
        self._drawn = False
        self.stream.write(cleared + "".join(f"{line}\n" for line in lines))
        self.stream.flush()

    def _redraw(self, step: StepStarted) -> None:
        frames = _FRAMES[self.style.unicode]
        self._frame = (self._frame + 1) % len(frames)
        width = shutil.get_terminal_size().columns - 1
        line = cut(f"{frames[self._frame]} {self._now(step)}", width)
        self.stream.write(f"{_CLEAR}{line}")
        self.stream.flush()
        self._drawn = True

    def _now(self, step: StepStarted) -> str:
        elapsed = time.monotonic() - self.began
        about = f" of about {spell_seconds(step.expected_seconds)}" if step.expected_seconds else ""
        line = f"{step.title}  {spell_seconds(elapsed)}{about}"
        if self.progress is not None:
            fraction = self.progress.fraction
            done = "" if fraction is None else f"{fraction:.0%} "
            line += f"  {done}{self.progress.message}"
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
