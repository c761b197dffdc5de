"""Telling one process from a later one with the same number."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

# Field 22 of /proc/<pid>/stat (proc(5)), counted after the command in parentheses, which may
# itself hold spaces and parentheses.
_START_TIME = 22 - 3


def boot_id() -> str:
    """The kernel's random id of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def start_time(pid: int) -> int | None:
    """When ``pid`` started, in clock ticks since boot; None when it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in "ZX" else int(fields[_START_TIME])


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, for good: the number alone is used again."""

    pid: int
    start: int
    boot: str

    @classmethod
    def mine(cls) -> ProcessIdentity:
        pid = os.getpid()
        return cls(pid, start_time(pid) or 0, boot_id())

    @property
    def alive(self) -> bool:
        return self.boot == boot_id() and start_time(self.pid) == self.start
