"""What an error of the system means to the appliance's owner, and what to do about it."""

from __future__ import annotations

import errno
import os
import re
import subprocess
from pathlib import Path

from .layout import Layout
from .problems import ApplianceProblem

_MIB = 1024 * 1024


def as_problem(error: Exception, layout: Layout) -> ApplianceProblem:
    """``error`` as something with a cure."""
    if isinstance(error, ApplianceProblem):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        where = re.sub(r"\.aio-new$", "", str(error.filename or ""))
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _full(Path(where) if where else layout.memory)
        return ApplianceProblem(
            f"{where or 'disk'}: {os.strerror(error.errno)}",
            hint="mend the disk; it is tried again by itself, and at the next boot",
        )
    if isinstance(error, subprocess.CalledProcessError):
        said = (error.stderr or b"").strip()
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        command = error.cmd if isinstance(error.cmd, str) else str(error.cmd[0])
        last = text.splitlines()[-1] if text else f"exit {error.returncode}"
        if "No space left" in text:
            return _full(layout.memory)
        return ApplianceProblem(f"{command}: {last}", hint="journalctl -u aio-personalise")
    return ApplianceProblem(
        f"{type(error).__name__}: {error}", hint="journalctl -u aio-personalise"
    )


def without_room(where: Path, least: int) -> ApplianceProblem | None:
    """What is wrong with the file system of ``where`` when it has less than ``least`` MiB free."""
    disk = os.statvfs(where)
    has_names = disk.f_favail or not disk.f_files  # some file systems do not count them
    if has_names and disk.f_bavail * disk.f_frsize >= least * _MIB:
        return None
    return _full(where)


def _full(where: Path) -> ApplianceProblem:
    place = where if where.is_dir() else where.parent
    while not place.is_dir() and place != place.parent:
        place = place.parent
    device = place.stat().st_dev
    while place != place.parent and place.parent.stat().st_dev == device:
        place = place.parent
    disk = os.statvfs(place)
    free, size = (blocks * disk.f_frsize // _MIB for blocks in (disk.f_bavail, disk.f_blocks))
    reason = f"{free} of {size} MiB free"
    if disk.f_files and not disk.f_favail:
        reason = "no file names (inodes) left"
    return ApplianceProblem(
        f"the file system {place} is full: {reason}",
        hint="make room, or give it a larger disk; it is tried again by itself and at each boot",
    )
