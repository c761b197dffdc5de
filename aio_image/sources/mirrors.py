"""The mirror of a distribution, whichever way its packages are made."""

from __future__ import annotations

from collections.abc import Callable

from aio_image.sources.debian_mirror import DebianMirror, choose_mirror
from aio_image.sources.rpm_mirror import RpmMirror, choose_rpm_mirror
from aio_image.systems import Release, System

Mirror = DebianMirror | RpmMirror


def _apt(system: System, release: Release, named: str | None, architecture: str) -> Mirror:
    return choose_mirror(release.name, named, system=system, architecture=architecture)


def _rpm(system: System, release: Release, named: str | None, _architecture: str) -> Mirror:
    return choose_rpm_mirror(system, release, named)


_FAMILIES: dict[str, Callable[[System, Release, str | None, str], Mirror]] = {
    "debian": _apt,
    "redhat": _rpm,
}


def choose(system: System, release: Release, named: str | None, architecture: str) -> Mirror:
    """A mirror that serves ``release`` of ``system``: ``named`` where the profile names one.

    Raises MirrorError with a line for each address tried.
    """
    return _FAMILIES[system.family](system, release, named, architecture)
