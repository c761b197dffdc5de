"""What is mounted where, taking it down, and removing trees without ever crossing a mount."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from aio_image.errors import HostError
from aio_image.host.process import run

_MOUNTINFO = Path("/proc/self/mountinfo")


@dataclass(frozen=True)
class Mount:
    """One mount: ``point`` is where, ``source`` what (a device, or a name a driver made up)."""

    point: Path
    source: str
    kind: str


def mounts() -> tuple[Mount, ...]:
    """The mounts of this mount namespace, oldest first (proc(5), mountinfo)."""
    found = []
    for line in _MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        kind, source, *_ = after.split(" ")
        found.append(Mount(Path(_plain(before.split(" ")[4])), _plain(source), kind))
    return tuple(found)


def mounts_below(folder: Path) -> tuple[Mount, ...]:
    """The mounts at and below ``folder``, in the order they have to be taken down."""
    real = folder.resolve()
    return tuple(each for each in reversed(mounts()) if each.point.is_relative_to(real))


def unmount(mount: Mount) -> None:
    """Take ``mount`` down; where something still has a file open there, as soon as that ends."""
    if run(["umount", mount.point], check=False).status != 0:
        run(["umount", "--lazy", mount.point])


def remove_tree(folder: Path) -> None:
    """Remove ``folder`` and all in it; no error when it is not there.

    Refuses, with a HostError and before anything is removed, when something is mounted at or below
    it: a bind mount looks like a part of the tree, and what it shows is not ours to remove.
    """
    if not folder.is_symlink() and not folder.exists():
        return
    inside = () if folder.is_symlink() else mounts_below(folder)
    if inside:
        raise HostError(
            f"{folder} is not removed: something is mounted in it",
            hint="unmount them first: umount " + " ".join(str(each.point) for each in inside),
        )
    run(["rm", "--recursive", "--force", "--one-file-system", "--", folder])


def disk_usage(folder: Path) -> int:
    """Bytes that ``folder`` takes on its file system."""
    said = run(["du", "--summarize", "--one-file-system", "--block-size=1", folder], check=False)
    return int(said.output.split("\t")[0]) if said.output else 0


def _plain(text: str) -> str:
    r"""Undo mountinfo's \040 and friends."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
