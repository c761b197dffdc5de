"""ext4 and XFS: making, checking, mounting, growing."""

from __future__ import annotations

import os
from pathlib import Path

from ..files import make_folder
from ..problems import ApplianceProblem
from . import mounts
from .programs import run

# XFS has room for twelve letters.
LABEL = "openstack"


def make(device: Path, kind: str, uuid: str, label: str = LABEL) -> None:
    """Format ``device``, whatever is on it; on the disk when this returns.

    Blocks are not discarded first: what is formatted here is blank, or may take long.
    """
    if kind == "ext4":
        # The share that is root's alone is for a system's own disk.
        options = ["-q", "-F", "-m", "0", "-E", "nodiscard"]
        run("mkfs.ext4", *options, "-L", label, "-U", uuid, device)
    else:
        run("mkfs.xfs", "-q", "-f", "-K", "-L", label, "-m", f"uuid={uuid}", device)
    flush(device)


def flush(device: Path) -> None:
    """Have all that was written to ``device`` survive a power cut."""
    handle = os.open(device, os.O_WRONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def mount(device: Path, kind: str, where: Path) -> None:
    """Repair what a power cut leaves, and mount; nothing to do where it is mounted already."""
    there = mounts.at(where)
    if there is not None:
        if there.number == mounts.number_of(device):
            return
        raise ApplianceProblem(
            f"{where}: {there.source} is mounted there already",
            hint=f"umount {where}, and take it out of /etc/fstab",
        )
    if kind == "ext4":
        # XFS repairs itself as it is mounted. 1: errors were corrected.
        run(
            "e2fsck", "-p", device, accept=(0, 1),
            cure=f"its file system is damaged: e2fsck -f {device}",
        )  # fmt: skip
    make_folder(where)
    mounts.mount(device, where, "-t", kind, "-o", "noatime")


def grow(device: Path, kind: str, where: Path) -> None:
    """Have the mounted file system fill ``device``; on the disk when this returns."""
    if kind == "ext4":
        run("resize2fs", device)
    else:
        run("xfs_growfs", where)
    run("sync", "--file-system", where)
