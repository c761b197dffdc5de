"""The image's own root file system on a loop device, and a power cut of it.

A cut is ext4's shutdown (EXT4_IOC_SHUTDOWN with NOLOGFLUSH; what xfstests' ``godown`` does): from
that moment on nothing more reaches the disk, neither what is in the page cache nor the journal's
running transaction. What is on the disk then is what a machine finds that lost its power, but for
one thing: a drive's own volatile cache is taken to have been written.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aio_image.bake.canary import LONGEST
from aio_image.bake.scan import found_in
from aio_image.host.process import run

# include/uapi/linux/ext4.h
_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, 2
_SECTOR = 512
_BLOCK = 4 << 20


@dataclass(frozen=True)
class RootDisk:
    """A raw disk image; its root file system is ``size`` bytes from ``offset`` on."""

    path: Path
    offset: int
    size: int

    @classmethod
    def of_image(cls, image: Path, path: Path) -> RootDisk:
        """``image`` (QCOW2) unpacked to ``path``, once."""
        if not path.exists():
            new = path.with_name(f".{path.name}.new")
            run(["qemu-img", "convert", "-O", "raw", image, new])
            new.replace(path)
        table = json.loads(run(["sfdisk", "--json", path]).output)["partitiontable"]
        (root,) = [one for one in table["partitions"] if one["name"] == "root"]
        return cls(path, root["start"] * _SECTOR, root["size"] * _SECTOR)

    def copy(self, path: Path) -> RootDisk:
        """A copy of its own; holes stay holes."""
        path.unlink(missing_ok=True)
        run(["cp", "--reflink=auto", "--sparse=always", self.path, path])
        return RootDisk(path, self.offset, self.size)

    @contextmanager
    def mounted(self, at: Path) -> Iterator[Path]:
        """The root file system at ``at``; be in a private mount namespace. Replays the journal.

        The loop device goes with the mount, so that nothing is left of a test that is killed.
        """
        at.mkdir(parents=True, exist_ok=True)
        options = f"loop,offset={self.offset},sizelimit={self.size},errors=remount-ro"
        run(["mount", "-t", "ext4", "-o", options, self.path, at])
        try:
            yield at
        finally:
            run(["umount", at])

    def faults(self) -> str:
        """What e2fsck says is wrong once the journal has been replayed; "" when nothing is."""
        with self._loop() as device:
            told = run(["e2fsck", "-f", "-n", device], check=False, timeout=300)
        return "" if told.status == 0 else told.output[-2000:]

    @contextmanager
    def _loop(self) -> Iterator[str]:
        bounds = [f"--offset={self.offset}", f"--sizelimit={self.size}", "--read-only"]
        device = run(["losetup", "--find", "--show", *bounds, self.path]).output.strip()
        try:
            yield device
        finally:
            run(["losetup", "--detach", device])

    def find(self, words: list[bytes]) -> list[str]:
        """Where on the disk, used blocks or freed ones, a canary or one of ``words`` is."""
        found = []
        longest = max([LONGEST, *map(len, words)])
        with self.path.open("rb") as disk:
            for start, end in _extents(disk.fileno(), self.offset, self.offset + self.size):
                rest, at = b"", start
                disk.seek(start)
                while at < end:
                    block = disk.read(min(_BLOCK, end - at))
                    text, base = rest + block, at - len(rest)
                    found += [
                        f"{one.text[:40]} at byte {base + one.offset}"
                        for one in found_in(text, "", words)
                    ]
                    at += len(block)
                    rest = text[-longest + 1 :]
        return sorted(set(found))


def cut_power(root: Path) -> None:
    """Nothing written below ``root`` from now on reaches its disk."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.ioctl(handle, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
    finally:
        os.close(handle)


def _extents(handle: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The parts between ``start`` and ``end`` that are no holes."""
    at = start
    while at < end:
        try:
            data = os.lseek(handle, at, os.SEEK_DATA)
        except OSError:  # ENXIO: holes to the end
            return
        hole = os.lseek(handle, data, os.SEEK_HOLE)
        if data < end:
            yield data, min(hole, end)
        at = hole
