"""Cinder's volume group, on a sparse file of the root disk behind a loop device of a fixed number.

At each boot: file, loop device, volume group; what is there already is left as it is. What is on
the file is never formatted over: only a file that this code has just made is empty.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

from .files import make_folder, sync_folder
from .layout import Layout
from .problems import ApplianceProblem

GROUP = "cinder-volumes"
BACKING = "/var/lib/cinder/aio-volumes.img"
# High enough to be nobody else's: losetup -f counts up from 0.
DEVICE = "/dev/loop64"

_GIB = 1024**3
_SECTOR = 512
_LVM_LABEL = b"LABELONE"  # in one of the first four sectors of a physical volume
_SMALLEST = 2 * _GIB
_BLKFLSBUF = 0x1261


def attach(layout: Layout) -> None:
    """Have the volume group there and active. Raises ApplianceProblem."""
    backing = layout.at(BACKING)
    if not backing.exists():
        _make_backing(backing)
    device = Path(DEVICE)
    _attach_loop(backing, device)
    if not has_physical_volume(backing):
        # pvcreate wipes nothing here: a foreign signature makes it ask, and --yes is not given.
        _run("pvcreate", "--quiet", str(device))
    if _run("vgs", "--noheadings", "--options", "vg_name", GROUP, check=False) != GROUP:
        _run("vgcreate", "--quiet", GROUP, str(device))
    _run("vgchange", "--quiet", "--activate", "y", GROUP)


def detach() -> None:
    """Let the volume group and the loop device go, at shutdown."""
    _run("vgchange", "--quiet", "--activate", "n", GROUP, check=False)
    _run("losetup", "--detach", DEVICE, check=False)


def backing_size(free: int) -> int:
    """Bytes of the file for ``free`` bytes of disk: half of it in whole GiB, 2 GiB or more."""
    return max(_SMALLEST, free // 2 // _GIB * _GIB)


def has_physical_volume(path: Path) -> bool:
    """Whether LVM has written its label on ``path`` (file or device)."""
    with path.open("rb") as disk:
        start = disk.read(4 * _SECTOR)
    return any(start[at : at + 8] == _LVM_LABEL for at in range(0, len(start), _SECTOR))


def _make_backing(backing: Path) -> None:
    make_folder(backing.parent)
    disk = os.statvfs(backing.parent)
    new = backing.with_name(f".{backing.name}.aio-new")
    with new.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.truncate(backing_size(disk.f_bavail * disk.f_frsize))
        os.fsync(file.fileno())
    new.replace(backing)
    sync_folder(backing.parent)


def _attach_loop(backing: Path, device: Path) -> None:
    at = Path(f"/sys/block/{device.name}/loop/backing_file")
    if at.exists():
        there = at.read_text("utf-8").strip()
        if there == str(backing):
            return
        raise ApplianceProblem(
            f"{device} is in use for {there}", hint=f"losetup --detach {device}, then boot again"
        )
    _run("losetup", "--direct-io=on", str(device), str(backing), check=False)
    if not at.exists():  # a file system without direct I/O
        _run("losetup", str(device), str(backing))
    with device.open("rb") as opened:
        fcntl.ioctl(opened, _BLKFLSBUF)


def _run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise ApplianceProblem(
            f"{' '.join(command)}: {said[-1] if said else f'exit {done.returncode}'}",
            hint=f"cinder's volumes are in {BACKING}",
            details=said,
        )
    return done.stdout.strip()
