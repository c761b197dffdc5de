"""What a campaign did, a row at a time: printed, and written as text and JSON after every row."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class Table:
    """Rows with ``columns``, in ``folder``/``name``.txt and .json; ``facts`` stand above them.

    Written anew after each row: what a campaign that was ended had found is there.
    """

    def __init__(self, folder: Path, name: str, columns: Sequence[str], **facts: Any) -> None:
        self.columns, self.facts, self.folder = tuple(columns), facts, folder
        self.rows: list[dict[str, Any]] = []
        self._path = folder / name
        folder.mkdir(parents=True, exist_ok=True)
        self._write()

    def add(self, **row: Any) -> None:
        """One more row; what it leaves out stays empty."""
        unknown = set(row) - set(self.columns)
        if unknown:
            raise ValueError(f"no such columns: {sorted(unknown)}")
        self.rows.append(row)
        self._write()
        shown = ", ".join(f"{key}={value}" for key, value in row.items() if value != "")
        print(f"{self._path.name} {len(self.rows)}: {shown}", flush=True)

    def note(self, **facts: Any) -> None:
        """More facts, or later values of those that are there."""
        self.facts |= facts
        self._write()

    def _write(self) -> None:
        content = {**self.facts, "rows": self.rows}
        self._path.with_suffix(".json").write_text(
            json.dumps(content, indent=1) + "\n", encoding="utf-8"
        )
        self._path.with_suffix(".txt").write_text(self.text(), encoding="utf-8")

    def text(self) -> str:
        """Facts, then the rows in columns as wide as they need."""
        cells = [
            list(self.columns),
            *([str(row.get(name, "")) for name in self.columns] for row in self.rows),
        ]
        widths = [max(len(line[at]) for line in cells) for at in range(len(self.columns))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in cells
        ]
        return "\n".join([*(f"{key}: {value}" for key, value in self.facts.items()), *lines, ""])
