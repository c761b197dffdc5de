"""The root of a distribution made like Debian: our element aio-root, by mmdebstrap and apt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aio_image.dib.recipe import Recipe, lines
from aio_image.sources.debian_mirror import DebianMirror, image_sources
from aio_image.stores.dpkg import package_list
from aio_image.systems import Release, System


def recipe(
    settings: Mapping[str, Any],
    system: System,
    release: Release,
    mirror: DebianMirror,
    downloads: Path,
) -> Recipe:
    """What the element aio-root reads: its README says what the variables mean."""
    excluded: Sequence[str] = settings.get("exclude", ())
    return Recipe(
        elements=system.elements,
        variables={
            "AIO_DISTRIBUTION": system.name,
            "AIO_RELEASE": release.name,
            "AIO_ARCHITECTURE": settings["system.architecture"],
            "AIO_ARCHIVES": str(downloads / system.name / release.name),
            "AIO_MOUNT_MIRROR": "1" if mirror.is_local else "0",
            **system.dib,
        },
        files={
            "AIO_PACKAGES": ("packages", lines(settings["packages"])),
            "AIO_STAND_IN": ("stand-in", lines(settings.get("stand_in", ()))),
            "AIO_EXCLUDES": ("excludes", lines(f"path-exclude={each}" for each in excluded)),
            "AIO_BUILD_SOURCES": ("build.sources", mirror.as_sources()),
            "AIO_BUILD_APT_CONF": ("build.apt.conf", mirror.config.as_apt_conf()),
            "AIO_IMAGE_SOURCES": ("image.sources", image_sources(release.name, system)),
        },
    )


def installed(tree: Path) -> str:
    """``packages.txt`` of a root: what dpkg lists there."""
    return package_list(tree)
