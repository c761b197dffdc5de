"""Which LXC containers services are in, from ``homes.yaml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

_TABLE = Path(__file__).with_name("homes.yaml")


@dataclass(frozen=True)
class Homes:
    """``rows``: service → container → its units there, None for all; ``build``: paths; ``alike``:
    patterns of folders in containers.
    """

    rows: Mapping[str, Mapping[str, Sequence[str] | None]]
    build: tuple[str, ...]
    alike: tuple[str, ...]

    def of(self, service: str, unit: str) -> str | None:
        """The container that ``unit`` of ``service`` is in; None for the host."""
        for container, units in self.rows.get(service, {}).items():
            if units is None or unit in units:
                return container
        return None

    def first(self, service: str) -> str | None:
        """The container that the API of ``service`` answers in; None for the host."""
        return next(iter(self.rows.get(service, {})), None)


@cache
def homes() -> Homes:
    """The table, read once."""
    raw = yaml.safe_load(_TABLE.read_text("utf-8"))
    rows = {
        service: {row: None} if isinstance(row, str) else dict(row)
        for service, row in raw["homes"].items()
    }
    return Homes(rows, tuple(raw["build"]), tuple(raw["alike"]))
