"""Where services keep big data: ``data`` and the ``storage`` rows of services.json."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..layout import Layout
from ..shipped import shipped


@dataclass(frozen=True)
class Place:
    """One loop file or folder; aio_image/deployers/README.md describes each field."""

    name: str
    size: str | None = None
    device: str | None = None
    group: str | None = None
    mount: str | None = None
    filesystem: str = "xfs"
    share: int = 0
    folder: bool = False


def load(path: Path) -> tuple[Place, ...]:
    """Every place of every service, in start order. Raises ApplianceProblem."""
    with shipped(path, form=None) as data:
        return tuple(
            Place(**row)
            for service in data["services"]
            if service.get("storage")
            for row in service["storage"]["places"]
        )


def where(layout: Layout) -> Path:
    """Where the data disk is mounted; without one a folder of the root disk. ApplianceProblem."""
    with shipped(layout.services, form=None) as data:
        return layout.at(data["data"])
