"""When what came up: one list of moments in seconds since power-on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Moment:
    """``seconds`` since power-on; ``kind`` is milestone, stage, unit, api, page or check.

    ``began`` is when what is over then began, where that is known.
    """

    seconds: float
    kind: str
    name: str
    detail: str = ""
    began: float | None = None


@dataclass
class Timeline:
    """Moments in the order they happened; of what comes up twice, the first time counts."""

    moments: list[Moment] = field(default_factory=list)

    def add(self, seconds: float, kind: str, name: str, detail: str = "") -> None:
        if not self.has(kind, name):
            self.moments.append(Moment(round(seconds, 1), kind, name, detail))

    def has(self, kind: str, name: str) -> bool:
        return any(one.kind == kind and one.name == name for one in self.moments)

    def merge_status(self, status: Mapping[str, Any], kernel_start: float) -> None:
        """Take in the ``timeline`` of the appliance's status.

        Its units and APIs, in seconds of uptime, are exact and complete, where the console
        cuts names and shows when its reader looked; so they replace what was seen there.
        ``kernel_start`` is when the kernel started, in seconds since power-on.
        """
        exact = [
            Moment(
                round(kernel_start + float(row["uptime"]), 1),
                str(row["kind"]),
                str(row["name"]),
                began=None
                if row.get("start") is None
                else round(kernel_start + float(row["start"]), 1),
            )
            for row in status.get("timeline", ())
        ]
        known = {(one.kind, one.name) for one in exact}
        self.moments = [one for one in self.moments if (one.kind, one.name) not in known] + exact

    def ordered(self) -> list[Moment]:
        return sorted(self.moments, key=lambda one: one.seconds)

    def as_rows(self) -> list[dict[str, Any]]:
        """The moments in order, in JSON types."""
        return [asdict(one) for one in self.ordered()]

    def as_json(self) -> str:
        """A JSON list of moments, in order."""
        return json.dumps(self.as_rows(), indent=1) + "\n"

    def as_text(self, kinds: Iterable[str] = ()) -> list[str]:
        """A line per moment (of ``kinds``, if any are given), with its seconds in front."""
        wanted = set(kinds)
        return [
            f"{one.seconds:8.1f}  {one.kind:<9}  {one.name}  {one.detail}".rstrip()
            for one in self.ordered()
            if not wanted or one.kind in wanted
        ]
