"""What is known of an operating system, read once from its YAML into frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from aio_image.errors import AioError

_ROOM = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Release:
    """``dib`` is what disk-image-create calls it; ``packages`` are its own beside the system's."""

    name: str
    title: str
    dib: str
    packages: tuple[str, ...]


@dataclass(frozen=True)
class Archive:
    """Where it is published. Which of these there are goes by the family: see README.md."""

    main: str
    fallback: bool
    security: str
    components: tuple[str, ...]
    key_ring: Path | None
    repositories: Mapping[str, str]
    key: str


@dataclass(frozen=True)
class System:
    """One distribution; README.md says what the fields mean. ``programs`` and ``files`` are what
    the build host must have, each with the Debian package that has it."""

    name: str
    title: str
    family: str
    mirrors: tuple[str, ...]
    releases: Mapping[str, Release]
    archive: Archive
    elements: tuple[str, ...]
    dib: Mapping[str, str]
    programs: Mapping[str, str]
    files: Mapping[Path, str]
    packages: tuple[str, ...]

    def packages_of(self, release: str) -> tuple[str, ...]:
        """What an appliance of ``release`` needs to boot and to be reached, sorted."""
        return tuple(sorted({*self.packages, *self.releases[release].packages}))


@cache
def names() -> tuple[str, ...]:
    """Distributions there are, sorted."""
    return tuple(sorted(table.stem for table in _ROOM.glob("*.yaml")))


@cache
def load(name: str) -> System:
    """The distribution called ``name``. KeyError when there is none."""
    if name not in names():
        raise KeyError(name)
    path = _ROOM / f"{name}.yaml"
    raw: dict[str, Any] = yaml.load(
        path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    try:
        needs = raw.get("needs") or {}
        return System(
            name=name,
            title=raw["title"],
            family=raw["family"],
            mirrors=tuple(raw["mirrors"]),
            releases={
                key: Release(
                    key, row["title"], row.get("dib", key), tuple(row.get("packages") or ())
                )
                for key, row in raw["releases"].items()
            },
            archive=_archive(raw["archive"]),
            elements=tuple(raw["elements"]),
            dib=dict(raw.get("dib") or {}),
            programs=dict(needs.get("programs") or {}),
            files={Path(key): value for key, value in (needs.get("files") or {}).items()},
            packages=tuple(sorted(raw["packages"])),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise AioError(f"{path}: the table of a system is malformed: {error!r}") from error


def _archive(row: Mapping[str, Any]) -> Archive:
    return Archive(
        main=row["main"],
        fallback=bool(row.get("fallback")),
        security=row.get("security", ""),
        components=tuple(row.get("components", ())),
        key_ring=Path(row["key_ring"]) if "key_ring" in row else None,
        repositories=dict(row.get("repositories") or {}),
        key=row.get("key", ""),
    )
