"""What events look like as lines of text, for terminals and for logs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TextIO

from aio_image.report.events import (
    CheckFinished,
    Event,
    Notice,
    Result,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from aio_image.report.words import MARKS, spell_fact, spell_seconds


@dataclass(frozen=True)
class Style:
    """What the stream can show: ANSI colours, and marks beyond ASCII."""

    colour: bool = False
    unicode: bool = False

    @classmethod
    def of(cls, stream: TextIO, *, colour: bool) -> Style:
        encoding = (getattr(stream, "encoding", "") or "").lower().replace("-", "")
        return cls(colour, encoding == "utf8")

    def paint(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour else text

    def mark(self, outcome: str) -> str:
        mark, plain, colour = MARKS[outcome]
        return self.paint(colour, mark if self.unicode else plain)


def lines_of(event: Event, style: Style) -> list[str]:
    """The lines that stay for ``event``; none for what only shows that something goes on.

    A failed step's reason, hint and log are not here: the error that ends the command has them.
    """
    lines: list[str] = []
    match event:
        case StepSkipped():
            lines = [f"{style.mark('skipped')} {event.title}: {event.reason}"]
        case StepFinished():
            lines = [f"{style.mark('ok')} {event.title}  {spell_seconds(event.seconds)}"]
        case StepFailed():
            after = spell_seconds(event.seconds)
            how = "stopped" if event.reason.startswith("stopped by") else "failed"
            lines = [f"{style.mark('failed')} {event.title}: {how} after {after}"]
        case CheckFinished():
            lines = _check(event, style)
        case Notice():
            mark = f"{style.mark('warning')} " if event.level == "warning" else ""
            lines = [f"{mark}{event.text}"]
        case Result():
            lines = _result(event)
    return lines


def _check(event: CheckFinished, style: Style) -> list[str]:
    detail = f"  {event.detail}" if event.detail else ""
    took = f"  ({spell_seconds(event.seconds)})" if event.seconds >= 0.5 else ""
    lines = [f"{style.mark(event.outcome)} {event.check}{took}{detail}"]
    if event.hint and event.outcome in ("warning", "failed"):
        lines += [f"    {line}" for line in event.hint.splitlines()]
    return lines


def _result(event: Result) -> list[str]:
    width = max((len(name) for name in event.facts), default=0)
    facts = [
        f"  {name.replace('_', ' '):<{width}}  {spell_fact(name, value)}"
        for name, value in event.facts.items()
    ]
    return [f"{event.kind}:", *facts]


def started_line(event: StepStarted) -> str:
    about = event.expected_seconds
    return f"{event.title} (about {spell_seconds(about)})" if about else event.title
