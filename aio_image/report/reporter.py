"""Choosing the reporter that fits a stream, and the two simplest."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TextIO

from aio_image.report.base import Reporter
from aio_image.report.events import CheckFinished, Event, Notice, Result, StepFailed
from aio_image.report.lines import Style, lines_of


class JsonLines(Reporter):
    """Each event as one JSON object a line (``Event.as_dict``)."""

    def __call__(self, event: Event) -> None:
        self.write(json.dumps(event.as_dict()))


class Quiet(Reporter):
    """Results, warnings and what failed; nothing of what goes on."""

    def __call__(self, event: Event) -> None:
        told = isinstance(event, Result | StepFailed)
        told |= isinstance(event, CheckFinished) and event.outcome in ("failed", "warning")
        told |= isinstance(event, Notice) and event.level == "warning"
        if told:
            self.write(*lines_of(event, Style()))


def reporter_for(stream: TextIO, mode: str = "auto") -> Reporter:
    """A reporter that writes to ``stream``.

    ``mode``: ``live`` redraws its last line (terminals); ``plain`` only appends; ``json`` is
    one object a line; ``quiet`` tells results, warnings and failures. ``auto`` is live on a
    terminal that can do it and plain elsewhere. The variable NO_COLOR turns colours off.
    """
    # Imported here: neither of the others is needed when one is chosen.
    from aio_image.report.live import Live  # noqa: PLC0415
    from aio_image.report.plain import Plain  # noqa: PLC0415

    able = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    if mode == "auto":
        mode = "live" if able else "plain"
    makers: dict[str, Callable[[TextIO], Reporter]] = {
        "live": Live,
        "plain": Plain,
        "json": JsonLines,
        "quiet": Quiet,
    }
    return makers[mode](stream)
