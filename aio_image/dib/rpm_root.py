"""The root of a distribution made of RPMs: disk-image-create's own elements, and our packages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aio_image.dib.recipe import Recipe, lines
from aio_image.host import process
from aio_image.sources.rpm_mirror import RpmMirror
from aio_image.systems import Release, System

_KIB = 1024
_REPOSITORIES = "{repositories}"


def recipe(
    settings: Mapping[str, Any],
    system: System,
    release: Release,
    mirror: RpmMirror,
    _downloads: Path,
) -> Recipe:
    """What DIB's elements of the distribution and our aio-redhat-system read."""
    asked = {name: text for name, text in system.dib.items() if text != _REPOSITORIES}
    folders = [name for name, text in system.dib.items() if text == _REPOSITORIES]
    repo = mirror.as_repo(release.title)
    return Recipe(
        elements=system.elements,
        variables={
            "DIB_RELEASE": release.dib,
            **{name: text.format(mirror=mirror.uri) for name, text in asked.items()},
        },
        files={
            "AIO_PACKAGES": ("packages", lines(settings["packages"])),
            **{f"{name}/": ("repositories/build.repo", repo) for name in folders},
        },
        proxies=True,
    )


def installed(tree: Path) -> str:
    """``packages.txt`` of a root: what its own rpm lists there."""
    listed = process.run(
        ["chroot", tree, "rpm", "--query", "--all",
         "--queryformat", "%{NAME} %{VERSION}-%{RELEASE} %{SIZE}\n"],
    ).output  # fmt: skip
    rows = (line.rsplit(" ", 1) for line in listed.splitlines())
    return "".join(sorted(f"{named} {int(size) // _KIB}\n" for named, size in rows))
