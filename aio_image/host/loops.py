"""Loop devices and their partitions: made, recorded, and let go only when they are still ours.

A loop device belongs to the kernel, not to a process: nothing frees it when a build dies. So each
is written to the run's journal (``record``) as soon as it is bound, and later detached only if it
is still bound to that very file; by then its number may be somebody else's.
Partition nodes are made with BLKPG (partx), which works where the kernel parses no tables.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from aio_image.errors import HostError
from aio_image.host import journal
from aio_image.host.process import run

_WAIT_SECONDS = 15.0
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Loop:
    """A bound loop device.

    ``device`` is its node (/dev/loop3). What it is bound to: ``inode``, and ``number``, the
    MAJ:MIN of the file system that inode is on. ``backing`` is the file's path as the kernel
    spells it now: from another mount namespace it may name nothing here, and it changes when
    the file is renamed or removed.
    """

    device: str
    inode: int
    number: str
    backing: str = field(compare=False)


def bound() -> tuple[Loop, ...]:
    """Every loop device that is bound now. Needs no root where /dev/loop* can be opened."""
    columns = "NAME,BACK-FILE,BACK-INO,BACK-MAJ:MIN"
    said = run(["losetup", "--list", "--json", "--output", columns]).output.strip()
    listed = json.loads(said)["loopdevices"] if said else []
    return tuple(
        Loop(
            each["name"],
            int(each["back-ino"] or 0),
            str(each["back-maj:min"] or "").replace(" ", ""),
            each["back-file"] or "",
        )
        for each in listed
    )


def record(device: str) -> Loop:
    """Write the bound ``device`` to the run's journal: whoever binds one, calls this at once."""
    for loop in bound():
        if loop.device == device:
            journal.record("loop", **asdict(loop))
            return loop
    raise HostError(f"{device} is not bound to any file")


def attach(image: Path, *, read_only: bool = False) -> Loop:
    """Bind ``image`` to a free loop device and record it."""
    options = ["--read-only"] if read_only else []
    device = run(
        ["losetup", "--find", "--show", *options, image],
        hint="`aio-image doctor` tells whether this host has loop devices",
    ).output.strip()
    return record(device)


def partitions(device: str) -> tuple[str, ...]:
    """The partition nodes the kernel knows for ``device``, in the order of their numbers."""
    name = Path(device).name
    found = [path.name for path in Path("/sys/block", name).glob(f"{name}p*")]
    return tuple(f"/dev/{each}" for each in sorted(found, key=lambda each: (len(each), each)))


def add_partitions(device: str) -> tuple[str, ...]:
    """Make the nodes of the partitions in ``device``'s table; returns when each is there."""
    run(["partx", "--update", device])
    nodes = partitions(device)
    _wait(
        lambda: all(Path(node).is_block_device() for node in nodes),
        f"the partition nodes of {device} do not appear under /dev",
        "in a container, /dev must be the host's devtmpfs",
    )
    return nodes


def drop_partitions(device: str) -> None:
    """Remove the partition nodes of ``device``; none is left when this returns."""
    if any(Path("/sys/block", Path(device).name, "holders").glob("dm-*")):
        # Made by kpartx where the kernel takes no partitions from partx.
        run(["kpartx", "-d", device], check=False)
    if not partitions(device):
        return
    run(["partx", "--delete", device], check=False)
    _wait(
        lambda: not partitions(device),
        f"partitions of {device} stay",
        f"something uses them: see `lsblk {device}`",
    )


def detach(loop: Loop) -> bool:
    """Drop ``loop``'s partitions and let it go; False when it is no longer bound to that file.

    Returns when the kernel has let go: a device that is still in use for a moment is detached
    lazily. Raises HostError when that takes longer than 15 s.
    """
    if loop not in bound():
        return False
    drop_partitions(loop.device)
    run(["losetup", "--detach", loop.device], check=False)
    _wait(
        lambda: loop not in bound(),
        f"{loop.device} stays bound to {loop.backing}",
        f"something uses it: see `lsblk {loop.device}` and `fuser -v {loop.device}`",
    )
    return True


def _wait(condition: Callable[[], bool], message: str, hint: str) -> None:
    end = time.monotonic() + _WAIT_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise HostError(message, hint=hint)
        time.sleep(_POLL_SECONDS)
