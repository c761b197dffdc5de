"""Whether this machine is big enough, looked at before anything is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .problems import ApplianceProblem
from .table import Table

_MIB = 1024 * 1024
# What kernel and firmware keep of a machine's memory, and a file system and the boot partitions of
# its disk: so much less than was asked for still counts as that.
_KEPT = 0.12


@dataclass(frozen=True)
class Resources:
    """Processors, and MiB: memory, room on the root file system, and all of it."""

    cpus: int
    memory: int
    free: int
    disk: int


def look(root: Path, proc: Path = Path("/proc")) -> Resources:
    """What this machine has. ``root`` is where the root file system is."""
    memory = 0
    for line in (proc / "meminfo").read_text("ascii").splitlines():
        if line.startswith("MemTotal:"):
            memory = int(line.split()[1]) // 1024
    disk = os.statvfs(root)
    return Resources(
        cpus=len(os.sched_getaffinity(0)),
        memory=memory,
        free=disk.f_bavail * disk.f_frsize // _MIB,
        disk=disk.f_blocks * disk.f_frsize // _MIB,
    )


def check(here: Resources, table: Table, *, first: bool, force: bool) -> list[str]:
    """Warnings. Raises ApplianceProblem at a ``first`` boot of a machine that is too small.

    Room is what a cloud that is already there has used: later boots are not asked for it.
    """
    needed = dict(table.minimum)
    if not first:
        needed.pop("free", None)
    short = [_says(here, key, wanted, "needed") for key, wanted in needed.items()
             if _lacks(here, key, wanted)]  # fmt: skip
    if short and first and not force:
        raise ApplianceProblem(
            f"this machine is too small: {'; '.join(short)}",
            hint="give it more and boot again, or write `force: yes` into /etc/aio/config.yaml",
        )
    warnings = [f"this machine is too small: {one}" for one in short]
    warnings += [
        f"this machine has {_says(here, key, wanted, 'recommended')}"
        for key, wanted in table.recommended.items()
        if _lacks(here, key, wanted) and not (key in needed and _lacks(here, key, needed[key]))
    ]
    return warnings


def _lacks(here: Resources, key: str, wanted: int) -> bool:
    has: int = getattr(here, key)
    return has < (wanted if key in ("cpus", "free") else wanted * (1 - _KEPT))


def _says(here: Resources, key: str, wanted: int, what: str) -> str:
    has: int = getattr(here, key)
    if key == "cpus":
        return f"{has} vCPU{'s' if has != 1 else ''} ({wanted} {what})"
    words = {
        "memory": "of memory",
        "free": "free on the root file system",
        "disk": "of root file system",
    }
    there = f"{has / 1024:.1f} GiB" if has >= 1024 else f"{has} MiB"
    return f"{there} {words[key]} ({wanted / 1024:.1f} GiB {what})"
