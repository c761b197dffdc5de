"""What is mounted where, as the kernel says it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from .programs import attempt, run


@dataclass(frozen=True)
class Mount:
    """``number`` is MAJ:MIN of the file system, ``inside`` the folder of it that is shown."""

    number: str
    inside: str
    at: str
    source: str


def all_of_them() -> list[Mount]:
    """Every mount, in the order in which they were made."""
    found = []
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        words = before.split()
        found.append(Mount(words[2], _plain(words[3]), _plain(words[4]), _plain(after.split()[1])))
    return found


def at(folder: Path) -> Mount | None:
    """What is mounted just there; the topmost."""
    here = str(folder.resolve())
    found = [mount for mount in all_of_them() if mount.at == here]
    return found[-1] if found else None


def number_of(device: Path) -> str:
    """MAJ:MIN of a block device."""
    node = device.stat().st_rdev
    return f"{os.major(node)}:{os.minor(node)}"


def mount(what: Path, where: Path, *options: str) -> None:
    """Mount ``what`` (device or folder) at ``where``. Raises ApplianceProblem."""
    run("mount", *options, what, where)


def unmount(where: Path) -> bool:
    """Whether nothing is mounted there any more."""
    while at(where) is not None:
        if not attempt("umount", where):
            return False
    return True


def _plain(text: str) -> str:
    """The kernel writes blanks and backslashes in octal."""
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)
