"""What a virtualenv holds, as requirements that would install the same again.

Read from the files that installers leave (``*.dist-info``: METADATA, and direct_url.json of
PEP 610), not by asking a pip: virtualenvs made by uv have none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from aio_image.errors import HostError

# What installers leave of a distribution (PEP 376, and setuptools before it).
_RECORDS = (".dist-info", ".egg-info")


@dataclass(frozen=True, order=True)
class Frozen:
    """One installed distribution. ``requirement`` is ``name==version`` where it came from an
    index, else the URL of its git commit, archive or folder, as every pip takes it."""

    name: str
    version: str
    requirement: str


def virtualenvs(root: Path) -> list[Path]:
    """Every virtualenv below ``root``, sorted: folders with a ``pyvenv.cfg``."""
    return sorted(path.parent for path in root.rglob("pyvenv.cfg"))


def freeze(virtualenv: Path) -> list[Frozen]:
    """Everything installed in ``virtualenv`` itself, sorted. HostError where it is none."""
    folders = sorted(virtualenv.glob("lib/python3*/site-packages"))
    if not (virtualenv / "pyvenv.cfg").is_file() or not folders:
        raise HostError(f"{virtualenv}: is not a virtualenv")
    return sorted(set(_installed(folders)))


def _installed(folders: list[Path]) -> Iterator[Frozen]:
    for place in (each for folder in folders for each in sorted(folder.iterdir())):
        # A link leads to a package of the distribution, which comes by apt: libvirt's for Nova.
        if place.suffix in _RECORDS and not place.is_symlink():
            one = Distribution.at(place)
            name = canonicalize_name(one.metadata["Name"])
            yield Frozen(name, one.version, _requirement(name, one))


def _requirement(name: str, one: Distribution) -> str:
    text = one.read_text("direct_url.json")
    if text is None:
        return f"{name}=={one.version}"
    origin: dict[str, Any] = json.loads(text)
    url = origin["url"]
    if git := origin.get("vcs_info"):
        url = f"{git['vcs']}+{url}@{git['commit_id']}"
    if folder := origin.get("subdirectory"):
        url += f"#subdirectory={folder}"
    return str(url)
