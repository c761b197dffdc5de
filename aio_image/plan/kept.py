"""Reads what finished steps left: `<home>/steps/<step>/<key>/step.json`, one record a result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aio_image.errors import HostError
from aio_image.paths import Home


@dataclass(frozen=True)
class Record:
    """One kept result. ``inputs`` maps labels to digests, ``needs`` step names to keys."""

    step: str
    profile: str
    key: str
    inputs: Mapping[str, str]
    settings: Mapping[str, Any]
    needs: Mapping[str, str]
    finished: datetime
    seconds: float
    folder: Path


def read_record(folder: Path) -> Record | None:
    """The record of the result in ``folder``; None where there is none, or a damaged one.

    Raises HostError where the folder is another user's: saying "never built" would be wrong.
    """
    try:
        raw = json.loads((folder / "step.json").read_text(encoding="utf-8"))
        finished = datetime.fromisoformat(raw["finished"])
        return Record(
            step=str(raw["step"]),
            profile=str(raw.get("profile", "")),
            key=str(raw["key"]),
            inputs={str(each["label"]): str(each["digest"]) for each in raw["inputs"]},
            settings=dict(raw["settings"]),
            needs={str(name): str(key) for name, key in raw["needs"].items()},
            finished=finished if finished.tzinfo else finished.replace(tzinfo=UTC),
            seconds=float(raw["seconds"]),
            folder=folder,
        )
    except PermissionError as error:
        raise HostError(
            f"{folder}: kept by another user, and not to be read by you",
            hint="run the same command with sudo, or set AIO_IMAGE_HOME to a folder of your own",
        ) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def read_records(home: Home, step: str) -> list[Record]:
    """Every kept result of ``step``, newest first."""
    folders = (home.steps / step).glob("*")
    records = [record for folder in folders if (record := read_record(folder))]
    return sorted(records, key=lambda record: record.finished, reverse=True)
