"""Freeing what a run left: processes, mounts, loop devices, partition nodes, scratch.

A run frees its own at its end, and at every start the leftovers of runs that were killed.
The order matters: what uses a thing goes before the thing.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aio_image.errors import HostError
from aio_image.host import journal, loops, mounts, runs
from aio_image.paths import Home

_KILL_SECONDS = 15.0


@dataclass
class Freed:
    """How much of each was freed; ``troubles`` are one line each, for what could not be."""

    processes: int = 0
    mounts: int = 0
    loops: int = 0
    scratch: int = 0
    troubles: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        counts = {
            "process": self.processes,
            "mount": self.mounts,
            "loop device": self.loops,
        }
        words = [_counted(number, noun) for noun, number in counts.items() if number]
        if self.scratch:
            words.append(f"{self.scratch / 1e6:.0f} MB of scratch")
        return ", ".join(words) or "nothing"


@dataclass(frozen=True)
class Leftover:
    """A run whose owner was killed, and what was freed of it. ``str()`` is a line for people."""

    run: str
    subject: str
    started: str
    log: str
    freed: Freed

    def __str__(self) -> str:
        began = f", started {self.started}" if self.started else ""
        log = f"; its logs: {self.log}" if self.log else ""
        line = f"an earlier run ({self.subject}{began}) was killed; freed: {self.freed}{log}"
        return "; ".join([line, *self.freed.troubles])


def reap(home: Home) -> list[Leftover]:
    """Free everything left by runs in ``home`` whose owner is gone.

    Raises nothing for what cannot be freed: that is in ``freed.troubles``, and tried again
    the next time.
    """
    found = []
    for facts in runs.abandoned(home):
        freed = free(facts["folder"], facts["run"], facts["boot"])
        found.append(
            Leftover(facts["run"], facts["subject"], facts["started"], facts["log"], freed)
        )
    return found


def free(folder: Path, name: str, boot: str) -> Freed:
    """Free everything of the run ``name`` whose scratch is ``folder``, and the scratch.

    ``boot`` is the boot it ran in: of another boot only files are left. The caller owns the run or
    holds its lock.
    """
    freed = Freed()
    if boot in (runs.boot_id(), ""):
        freed.processes = _end_processes(folder, name)
        devices = _loops_of(folder)
        freed.mounts = _unmount(folder, devices, freed.troubles)
        for loop in devices:
            with _noted(freed.troubles):
                freed.loops += loops.detach(loop)
    if not freed.troubles:
        freed.scratch = mounts.disk_usage(folder)
        with _noted(freed.troubles):
            mounts.remove_tree(folder)
    return freed


def processes_of(folder: Path, name: str) -> list[int]:
    """The processes of run ``name``, without this one and its ancestors.

    They carry the run's mark in their environment. libvirt starts QEMU with one of its own: that
    is known by its disks, which are in the run's ``folder``.
    """
    mark = f"{runs.MARK}={name}".encode()
    disks = os.fsencode(f"{folder.resolve()}/")
    mine = _ancestry()
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (path / "cmdline").read_bytes().split(b"\0")
            guest = b"qemu-system" in words[0] and any(disks in word for word in words[1:])
            marked = mark in (path / "environ").read_bytes().split(b"\0")
            if (guest or marked) and int(path.name) not in mine:
                found.append(int(path.name))
    return found


def _ancestry() -> set[int]:
    found = set()
    pid = os.getpid()
    while pid > 0:
        found.add(pid)
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        # Field 4 (proc(5)); the command in parentheses may itself hold spaces.
        pid = int(stat.rpartition(")")[2].split()[1])
    return found


def _end_processes(folder: Path, name: str) -> int:
    ended: set[int] = set()
    end = time.monotonic() + _KILL_SECONDS
    # Again until none is found: a killed shell's last child may just have been started.
    while (alive := processes_of(folder, name)) and time.monotonic() < end:
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended.update(alive)
        time.sleep(0.05)
    return len(ended)


def _loops_of(folder: Path) -> list[loops.Loop]:
    """The run's loop devices that are bound now, by its journal or by where their file is."""
    recorded = {
        loops.Loop(entry["device"], entry["inode"], entry["number"], entry["backing"])
        for entry in journal.entries(folder / runs.JOURNAL, "loop")
    }
    if not recorded and os.geteuid() != 0:
        return []
    inside = f"{folder.resolve()}/"
    return [loop for loop in loops.bound() if loop in recorded or loop.backing.startswith(inside)]


def _unmount(folder: Path, devices: list[loops.Loop], troubles: list[str]) -> int:
    nodes = {loop.device for loop in devices}
    nodes |= {node for loop in devices for node in loops.partitions(loop.device)}
    real = folder.resolve()
    count = 0
    for mount in reversed(mounts.mounts()):
        if mount.point.is_relative_to(real) or mount.source in nodes:
            with _noted(troubles):
                mounts.unmount(mount)
                count += 1
    return count


@contextmanager
def _noted(troubles: list[str]) -> Iterator[None]:
    """Make a HostError a line of ``troubles``: one thing that stays keeps nothing else."""
    try:
        yield
    except HostError as error:
        troubles.append(error.message + (f" ({error.hint})" if error.hint else ""))


def _counted(number: int, noun: str) -> str:
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
