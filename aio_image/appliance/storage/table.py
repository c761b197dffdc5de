"""The places that services keep big data in: the ``storage`` rows of services.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

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
        services = json.loads(path.read_text("utf-8"))["services"]
        return tuple(
            Place(**row)
            for service in services
            if service.get("storage")
            for row in service["storage"]["places"]
        )
    except FileNotFoundError as error:
        raise ApplianceProblem(f"{path}: not there", hint="build the image again") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ApplianceProblem(
            f"{path}: damaged ({type(error).__name__}: {error})", hint="build the image again"
        ) from error
