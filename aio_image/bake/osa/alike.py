"""One copy of each program that several containers of a tree have alike, as hard links.

Every container has a whole system of its own, and every service's environment its own copy of the
libraries that most of them use.

Not by hardlink(1): an overlay gives a file another number when it is changed for the first time,
so that it joins files there in pairs only, and a second run aborts (util-linux 2.38).
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from aio_image.appliance import roots
from aio_image.bake.osa.files import inside
from aio_image.deployers.openstack_ansible.homes import homes


class Joined(NamedTuple):
    """How many files became names of another one, and the bytes that they had."""

    files: int
    size: int


def join(root: Path) -> Joined:
    """Join what the containers of the tree ``root`` have alike.

    In the folders that homes.yaml names, and where name, content, mode, owner and extended
    attributes are alike. What there is joined keeps one time, so byte code is to be made after it.
    Nothing of the host's own is joined: a container must not have a file of its in its hands.
    """
    folders = (
        folder
        for place in roots.containers(root).values()
        for pattern in homes().alike
        for folder in sorted(inside(root, place).glob(pattern))
    )
    candidates = _several(_by_looks(folders))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        groups = [same for found in pool.map(_by_content, candidates) for same in found]
    return Joined(
        files=sum(len(others) for _, *others in groups),
        size=sum(_replace(first, others) for first, *others in groups),
    )


def _by_looks(folders: Iterable[Path]) -> Mapping[Hashable, list[Path]]:
    """Files by what a look at them tells."""
    found: defaultdict[Hashable, list[Path]] = defaultdict(list)
    for folder in folders:
        for place, _, names in os.walk(folder):
            compiled = Path(place, "__pycache__").is_dir()
            for name in names:
                path = Path(place, name)
                info = path.lstat()
                if stat.S_ISREG(info.st_mode) and info.st_size:
                    # Byte code that is there already names its source's time.
                    time = info.st_mtime_ns if compiled and name.endswith(".py") else None
                    looks = (name, info.st_size, info.st_mode, info.st_uid, info.st_gid, time)
                    found[looks].append(path)
    return found


def _several(groups: Mapping[Hashable, list[Path]]) -> Iterator[list[Path]]:
    return (paths for paths in groups.values() if len(paths) > 1)


def _by_content(paths: list[Path]) -> list[list[Path]]:
    """Those of ``paths`` whose content and attributes are alike."""
    found: defaultdict[Hashable, list[Path]] = defaultdict(list)
    for path in paths:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").digest()
        found[digest, _attributes(path)].append(path)
    return list(_several(found))


def _attributes(path: Path) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, os.getxattr(path, name)) for name in sorted(os.listxattr(path)))


def _replace(first: Path, others: list[Path]) -> int:
    """Make ``others`` names of ``first``; the bytes saved."""
    for other in others:
        fresh = other.with_name(f"{other.name}.aio-joined")
        fresh.hardlink_to(first)
        fresh.replace(other)
    return first.lstat().st_size * len(others)
