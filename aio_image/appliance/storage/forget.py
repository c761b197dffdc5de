"""Letting go of what is lost for good, and of everything, at a factory reset."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..files import remove, sync_folder
from ..layout import Layout
from ..problems import ApplianceProblem
from . import devices, disk, filesystems, loops, mounts, service, table
from .record import NONE, Record

DISK = "disk"


def forget(layout: Layout, name: str) -> None:
    """Have the next start of aio-storage.service make ``name`` (a place, or DISK) anew, empty.

    For what is lost: nothing is removed, and a place that is there still is not forgotten.
    Raises ApplianceProblem.
    """
    record = Record.load(layout.storage)
    known = [*record.places, *([DISK] if record.disk else [])]
    if name not in known:
        raise ApplianceProblem(
            f"{name}: nothing of that name was made here", hint=f"known are {', '.join(known)}"
        )
    if name == DISK:
        assert record.disk is not None
        if devices.find_uuid(record.disk.uuid, (record.disk.device,)) is not None:
            raise ApplianceProblem(f"the data disk is there: {record.disk.device}")
        record.disk, record.places = None, {}
    else:
        place = next((one for one in table.load(layout.services) if one.name == name), None)
        held = place is not None and place.device and loops.file_behind(Path(place.device))
        if held or any((table.where(layout) / each).exists() for each in (f"{name}.img", name)):
            raise ApplianceProblem(f"{name}: is there", hint=f"see {table.where(layout)}")
        if record.disk is not None and mounts.at(table.where(layout)) is None:
            raise ApplianceProblem("the data disk is not there", hint="attach it first")
        del record.places[name]
    record.save()


def clear(layout: Layout) -> str:
    """Remove all the cloud's data, for a factory reset; the data disk stays the cloud's, empty.

    Whoever uses the storage must be stopped. May be repeated after a power cut. What the image
    brought to the places is on the root disk, and is taken from there at the next start.
    Returns a warning, or "": a data disk that does not appear is the cloud's no longer, and what
    is on it stays. Raises ApplianceProblem.
    """
    record = Record.load(layout.storage)
    if not record.settled:
        return ""
    left = service.detach(layout)
    if left:
        raise ApplianceProblem(f"in use: {', '.join(left)}", hint="stop what uses it")
    for kept in record.places.values():
        kept.made = kept.kind == NONE  # from here on all of it is made anew
    record.save()
    warning = ""
    if record.disk is not None and record.disk.made:
        device = disk.awaited(record.disk)
        if device is None:
            warning = f"the data disk {record.disk.device} did not appear: what is on it stays"
            record.disk = None
        else:
            filesystems.mount(device.path, record.disk.filesystem, table.where(layout))
    try:
        _empty(layout, record)
    finally:
        if record.disk is not None:
            mounts.unmount(table.where(layout))
    record.places = {}
    record.save()
    return warning


def _empty(layout: Layout, record: Record) -> None:
    folder = table.where(layout)
    for name in record.places:
        remove(folder / f"{name}.img")
        if (folder / name).is_dir():
            shutil.rmtree(folder / name)
    if folder.is_dir():
        sync_folder(folder)
