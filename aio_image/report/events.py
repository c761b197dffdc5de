"""What happens while something long runs, as typed events. Reporters only listen.

Steps of a build, the boot of an appliance and health checks all speak these; a listener
(terminal, plain lines, JSON lines, JUnit) needs to know nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """Base. ``at`` is seconds since the epoch."""

    at: float = field(default_factory=time.time, kw_only=True)

    def as_dict(self) -> dict[str, Any]:
        """JSON types only; ``event`` names the class."""
        return {"event": type(self).__name__, **asdict(self)}


@dataclass(frozen=True)
class StepStarted(Event):
    """``expected_seconds`` is how long it took last time, None when that is not known."""

    step: str
    title: str
    log: str = ""
    expected_seconds: float | None = None


@dataclass(frozen=True)
class StepProgress(Event):
    """Something inside a step: a hook, a task, a boot stage. ``fraction`` is 0..1 where known."""

    step: str
    message: str
    fraction: float | None = None


@dataclass(frozen=True)
class StepSkipped(Event):
    step: str
    title: str
    reason: str


@dataclass(frozen=True)
class StepFinished(Event):
    step: str
    title: str
    seconds: float


@dataclass(frozen=True)
class StepFailed(Event):
    step: str
    title: str
    seconds: float
    reason: str
    hint: str = ""
    log: str = ""


@dataclass(frozen=True)
class CheckFinished(Event):
    """One named check of a host or an appliance. ``outcome`` is ok, warning, failed or skipped."""

    check: str
    outcome: str
    seconds: float
    detail: str = ""
    hint: str = ""


@dataclass(frozen=True)
class Notice(Event):
    """A line for the person: ``level`` is info or warning."""

    text: str
    level: str = "info"


@dataclass(frozen=True)
class Result(Event):
    """What came out: ``kind`` (image, appliance, ...) and its facts."""

    kind: str
    facts: dict[str, Any]


Listener = Callable[[Event], None]


class Events:
    """Hands each event to every listener, in order."""

    def __init__(self, *listeners: Listener) -> None:
        self._listeners = listeners

    def emit(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)
