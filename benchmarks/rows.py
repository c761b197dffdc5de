"""What a measurement says, the table of them, and the history kept of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Row:
    """One measurement.

    ``value`` in ``unit``; ``floor`` in the same unit is what cannot be avoided, and ``floor_name``
    says what that is. ``target`` limits the value, ``target_ratio`` the ratio of value to floor.
    """

    name: str
    value: float
    unit: str
    target: float | None = None
    target_ratio: float | None = None
    floor: float | None = None
    floor_name: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None

    @property
    def met(self) -> bool | None:
        """Whether the targets are met; None without one."""
        limits = [(self.value, self.target), (self.ratio, self.target_ratio)]
        told = [got <= limit for got, limit in limits if got is not None and limit is not None]
        return all(told) if told else None

    def as_dict(self) -> dict[str, Any]:
        """JSON types only."""
        return {**asdict(self), "ratio": self.ratio, "met": self.met}


def table(rows: Sequence[Row]) -> str:
    """The rows for a person, one a line under a heading."""
    cells = [("what", "measured", "ratio", "target", "floor")]
    for row in rows:
        target = ""
        if row.met is not None:
            limit = row.target_ratio or _amount(row.target or 0, row.unit)
            target = f"<= {limit} {'met' if row.met else 'MISSED'}"
        cells.append(
            (
                row.name,
                _amount(row.value, row.unit),
                "" if row.ratio is None else f"{row.ratio:.2f}",
                target,
                "" if row.floor is None else f"{_amount(row.floor, row.unit)}: {row.floor_name}",
            )
        )
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4]])
        .rstrip()
        for row in cells
    )  # fmt: skip


def keep(history: Path, about: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Append a run to ``history``, JSON lines: ``about`` (when, where, of what) and its rows."""
    history.parent.mkdir(parents=True, exist_ok=True)
    with history.open("a", encoding="utf-8") as file:
        file.write(json.dumps({**about, "rows": [row.as_dict() for row in rows]}) + "\n")


def _amount(value: float, unit: str) -> str:
    return f"{value:.1f} {unit}" if value < 100 else f"{value:.0f} {unit}"
