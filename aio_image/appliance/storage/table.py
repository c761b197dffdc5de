"""Where services keep big data: ``data`` and the ``storage`` rows of services.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..layout import Layout
from ..problems import ApplianceProblem


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
    try:
        return tuple(
            Place(**row)
            for service in _read(path)["services"]
            if service.get("storage")
            for row in service["storage"]["places"]
        )
    except (KeyError, TypeError) as error:
        raise _damaged(path, error) from error


def where(layout: Layout) -> Path:
    """Where the data disk is mounted; without one a folder of the root disk. ApplianceProblem."""
    try:
        return layout.at(_read(layout.services)["data"])
    except (KeyError, TypeError, AttributeError) as error:
        raise _damaged(layout.services, error) from error


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ApplianceProblem(f"{path}: not there", hint="build the image again") from error
    except ValueError as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ApplianceProblem:
    return ApplianceProblem(
        f"{path}: damaged ({type(error).__name__}: {error})", hint="build the image again"
    )
