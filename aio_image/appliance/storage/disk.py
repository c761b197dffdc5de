"""The data disk: made once, from a disk with nothing on it, and found again at each boot.

The whole disk is one file system, without a partition table. Its UUID is drawn and kept before it
is made, so that nothing else is ever taken for ours: neither by its name nor by its label.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path

from ..config import DataDisk
from ..problems import ApplianceProblem
from . import devices, filesystems, mounts, words
from .devices import Device
from .programs import run
from .record import Disk, Record

SMALLEST = 8 * words.GIB
# A disk may be a little later than we are: controllers are probed in the background.
PATIENCE = 15.0
_PAUSE = 0.5


def ready(
    where: Path, wanted: DataDisk | None, record: Record, warn: Callable[[str], None]
) -> None:
    """Have /openstack (``where``) there: the data disk mounted, or a folder of the root disk.

    Raises ApplianceProblem, and has then written to no disk that is not ours.
    """
    if record.disk is None and record.settled:
        if wanted is not None:
            warn(
                f"data_disk: {wanted.device} is not used: this cloud keeps its data on the root "
                "disk since its first boot; to move it, `aio reset`"
            )
        return
    if record.disk is None or not record.disk.made:
        if wanted is None:
            record.disk = None
            return
        device = _make(wanted, record)
    else:
        device = _found_again(wanted, record.disk)
        if wanted is not None and devices.find(wanted.device) not in (device, None):
            warn(
                f"data_disk: {wanted.device} is not used: the cloud's data is on {device.path}, "
                "and stays there"
            )
    assert record.disk is not None
    if mounts.at(where) is None and where.is_dir() and any(where.iterdir()):
        raise ApplianceProblem(
            f"{where} is not empty, and the data disk is to be mounted there",
            hint=f"move away what is in {where} on the root disk",
        )
    filesystems.mount(device.path, record.disk.filesystem, where)
    _keep_up(device, where, record, warn)


def _make(wanted: DataDisk, record: Record) -> Device:
    device = _poll(lambda: devices.find(wanted.device))
    if device is None:
        raise ApplianceProblem(
            f"data disk {wanted.device}: is not there",
            hint="attach it, and it is taken; or correct data_disk in /etc/aio/config.yaml",
        )
    kept = record.disk
    if kept is None or not _ours_begun(kept, device):
        check(device, wanted)
        kept = Disk(
            str(uuid.uuid4()), wanted.filesystem, device.identity, device.size, str(device.path)
        )
        record.disk = kept
        record.save()  # before the first write to the disk
    if wanted.wipe:
        run("wipefs", "--all", "--quiet", device.path)
    filesystems.make(device.path, kept.filesystem, kept.uuid)
    kept.made = True
    record.save()
    return device


def check(device: Device, wanted: DataDisk) -> None:
    """Raises ApplianceProblem when ``device`` must not be formatted: it says what is on it."""
    used = devices.users(device)
    if used:
        raise ApplianceProblem(
            f"data disk {wanted.device}: is in use: {'; '.join(used)}",
            hint="name another disk in data_disk of /etc/aio/config.yaml; `lsblk` lists them",
        )
    if device.size < SMALLEST:
        raise ApplianceProblem(
            f"data disk {wanted.device}: has {words.size(device.size)}, too small for a cloud",
            hint=f"{words.size(SMALLEST)} or more are needed",
        )
    if wanted.wipe:
        return
    found = [str(signature) for signature in devices.signatures(device.path)]
    parts = [part.name for part in devices.partitions(device.name)]
    if parts:
        found.append(f"partitions {', '.join(parts)}")
    if not found and devices.has_bytes(device):
        found.append("bytes of a kind not known here in its first or last MiB")
    if found:
        raise ApplianceProblem(
            f"data disk {wanted.device}: is not blank: it holds {'; '.join(dict.fromkeys(found))}",
            hint="to lose all that is on it: `wipe: yes` under data_disk in /etc/aio/config.yaml",
        )


def _ours_begun(kept: Disk, device: Device) -> bool:
    """Whether ``device`` is the one whose formatting a power cut ended.

    It was blank (or to be wiped) then: so it is the same disk, and nothing is recognised on it now
    but what we were making.
    """
    same = (kept.identity, kept.size) == (device.identity, device.size)
    return (
        same
        and not devices.users(device)
        and not devices.partitions(device.name)
        and all(found.uuid == kept.uuid for found in devices.signatures(device.path))
    )


def _found_again(wanted: DataDisk | None, kept: Disk) -> Device:
    device = awaited(kept, (wanted.device,) if wanted else ())
    if device is None:
        serial = f", serial {kept.identity}" if kept.identity else ""
        raise ApplianceProblem(
            f"the data disk ({words.size(kept.size)}{serial}, last seen as {kept.device}) "
            "is not there",
            hint="attach it, and the cloud goes on; if it is lost for good, `aio storage --help`",
        )
    return device


def _keep_up(device: Device, where: Path, record: Record, warn: Callable[[str], None]) -> None:
    """Take in that the disk has grown, or has another name now."""
    kept = record.disk
    assert kept is not None
    if device.size > kept.size:
        filesystems.grow(device.path, kept.filesystem, where)
    elif device.size < kept.size:
        warn(f"data disk {device.path}: has shrunk from {words.size(kept.size)}")
        return
    if (kept.size, kept.device) != (device.size, str(device.path)):
        kept.size, kept.device = device.size, str(device.path)
        record.save()


def awaited(kept: Disk, likely: tuple[str, ...] = ()) -> Device | None:
    """The disk that was made; None when it has not appeared in PATIENCE seconds."""
    seen: frozenset[tuple[str, str]] | None = None

    def look() -> Device | None:
        # Each device that is looked at costs a program: only when one has come or changed.
        nonlocal seen
        before, seen = seen, devices.present()
        changed = seen != before
        return devices.find_uuid(kept.uuid, (kept.device, *likely)) if changed else None

    return _poll(look)


def _poll(look: Callable[[], Device | None]) -> Device | None:
    end = time.monotonic() + PATIENCE
    while (found := look()) is None and time.monotonic() < end:
        time.sleep(_PAUSE)
    return found
