"""Block devices: finding one, what is on it, and who uses it. Reads only."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..problems import ApplianceProblem
from . import mounts
from .programs import run

_SECTOR = 512  # sysfs counts in these, whatever the disk's own are
_EDGE = 1024**2
_SYS = Path("/sys/class/block")
# What libblkid calls it, and what people do.
_NAMES = {
    "gpt": "a GPT partition table",
    "PMBR": "a GPT partition table",
    "dos": "an MBR partition table",
    "LVM2_member": "an LVM physical volume",
    "crypto_LUKS": "an encrypted volume (LUKS)",
    "linux_raid_member": "a member of a RAID array",
    "swap": "swap space",
}


@dataclass(frozen=True)
class Device:
    """A block device that is there. ``size`` in bytes; ``identity`` as record.Disk has it."""

    path: Path
    size: int
    identity: str

    @property
    def name(self) -> str:
        return self.path.name


@dataclass(frozen=True)
class Signature:
    """One thing that is recognised on a device."""

    type: str
    uuid: str
    label: str

    def __str__(self) -> str:
        said = _NAMES.get(self.type) or f"a file system or other content of type {self.type}"
        return f"{said}, labelled {self.label}" if self.label else said


def find(named: str) -> Device | None:
    """The device of that name: /dev/sdb, sdb, /dev/disk/by-id/...; None when it is not there.

    Raises ApplianceProblem when the name is another thing's.
    """
    path = Path("/dev", named)
    try:
        node = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISBLK(node.st_mode):
        raise ApplianceProblem(
            f"data disk {named}: is not a block device", hint="`lsblk` lists those there are"
        )
    path = path.resolve()
    # Names that udev did not make may be links to a node whose name the kernel does not know.
    kernel = (Path("/sys/dev/block") / mounts.number_of(path)).resolve()
    size = int((kernel / "size").read_text()) * _SECTOR
    if size == 0:
        return None  # a loop device or a drive with nothing in it
    return Device(Path("/dev", kernel.name), size, _identity(kernel))


def present() -> frozenset[tuple[str, str]]:
    """Name and size of every block device the kernel knows now; a change means: look again."""
    found = set()
    for path in _SYS.glob("*"):
        with contextlib.suppress(OSError):
            found.add((path.name, (path / "size").read_text()))
    return frozenset(found)


def find_uuid(uuid: str, likely: tuple[str, ...]) -> Device | None:
    """The device whose file system has ``uuid``, under whatever name it is now."""
    seen = set()
    for named in (*likely, f"/dev/disk/by-uuid/{uuid}", *_every_name()):
        try:
            device = find(named)
        except (ApplianceProblem, OSError):
            continue
        if device is None or device.path in seen:
            continue
        seen.add(device.path)
        if uuid_of(device.path) == uuid:
            return device
    return None


def uuid_of(path: Path) -> str:
    """The UUID of the file system on ``path``; "" when there is none that can be told."""
    words = ("blkid", "--probe", "--output", "value", "--match-tag", "UUID", path)
    return run(*words, accept=range(256))


def signatures(path: Path) -> list[Signature]:
    """All that libblkid recognises, partition tables included; from last boot's formats too."""
    said = run("wipefs", "--no-act", "--json", "--output", "TYPE,UUID,LABEL", path)
    rows = json.loads(said)["signatures"] if said else []
    found = [Signature(row["type"], row["uuid"] or "", row["label"] or "") for row in rows]
    return list(dict.fromkeys(found))


def has_bytes(device: Device) -> bool:
    """Whether anything but zeros is in the first or the last MiB."""
    with device.path.open("rb", buffering=0) as disk:
        for offset in (0, max(0, device.size - _EDGE)):
            edge = os.pread(disk.fileno(), _EDGE, offset)
            if edge.count(0) != len(edge):
                return True
    return False


def users(device: Device) -> list[str]:
    """Who uses it now, in words. Nothing is ever written to a device that has users."""
    parts = [device.name, *(part.name for part in partitions(device.name))]
    numbers = {(_SYS / part / "dev").read_text().strip(): part for part in parts}
    found = []
    for mount in mounts.all_of_them():
        if mount.number not in numbers:
            continue
        if mount.at == "/":
            found.append("this system runs from it")
        else:
            found.append(f"{numbers[mount.number]} is mounted at {mount.at}")
    swaps = Path("/proc/swaps").read_text().splitlines()[1:]
    found += [f"{part} is swap space" for part in parts if _starts(swaps, f"/dev/{part} ")]
    found += [
        f"{part} belongs to {holder.name}"
        for part in parts
        for holder in (_SYS / part / "holders").glob("*")
    ]
    return list(dict.fromkeys(found)) or ([] if _can_be_claimed(device) else ["something uses it"])


def partitions(name: str) -> list[Path]:
    """Folders of sysfs, one for each partition the kernel knows."""
    return sorted(path.parent for path in (_SYS / name).glob("*/partition"))


def _starts(lines: list[str], word: str) -> bool:
    return any(line.startswith(word) for line in lines)


def _can_be_claimed(device: Device) -> bool:
    try:
        os.close(os.open(device.path, os.O_RDONLY | os.O_EXCL))
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True


def _identity(kernel: Path) -> str:
    """virtio, NVMe, SCSI and loop devices, each where its driver tells it."""
    for name in ("serial", "wwid", "device/wwid", "device/serial", "loop/backing_file"):
        try:
            said = (kernel / name).read_text("utf-8", "replace").strip()
        except OSError:
            continue
        if said:
            return said
    return ""


def _every_name() -> Iterator[str]:
    for path in sorted(_SYS.glob("*")):
        if not path.name.startswith(("ram", "zram", "dm-")):
            yield path.name
