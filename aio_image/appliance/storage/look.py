"""What is where, and how much of it is free: ``aio storage``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..layout import Layout
from ..problems import ApplianceProblem
from . import groups, loops, mounts, table
from .places import Work
from .record import FILE, FOLDER, Kept, Record
from .table import Place


def look(layout: Layout) -> dict[str, Any]:
    """The storage as JSON types; sizes in bytes.

    {"at": folder, "disk": {"device", "filesystem", "uuid", "identity", "size", "there"} or None,
    "size", "free", "places": [{"name", "kind": "file|folder|none", "at", "size", "used",
    "free", "device", "there"}]}; ``used`` is what a file takes up, ``free`` what is left in it.
    """
    record = Record.load(layout.storage)
    work = Work(layout, record, lambda _: None)
    mounted = record.disk is None or mounts.at(work.where) is not None
    found: dict[str, Any] = {"at": str(work.where), "disk": None}
    if record.disk is not None:
        one = record.disk
        found["disk"] = {
            "device": one.device, "filesystem": one.filesystem, "uuid": one.uuid,
            "identity": one.identity, "size": one.size, "there": mounted and one.made,
        }  # fmt: skip
    found["size"], found["free"] = room(work.where) if mounted else (None, None)
    found["places"] = [
        _place(work, place, record.places[place.name])
        for place in table.load(layout.services)
        if place.name in record.places
    ]
    return found


def room(folder: Path) -> tuple[int | None, int | None]:
    """Size and free space of the file system that ``folder`` is on, in bytes; None: no folder."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None, None
    return disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize


def _place(work: Work, place: Place, kept: Kept) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": place.name, "kind": kept.kind, "at": place.group or place.mount,
        "size": None, "used": None, "free": None, "device": None, "there": True,
    }  # fmt: skip
    if kept.kind == FILE:
        backing, device = work.file(place), Path(place.device or "")
        row |= {"device": place.device, "size": kept.size, "file": str(backing)}
        row["there"] = loops.file_behind(device) == str(backing.resolve())
        if row["there"]:
            row["used"] = backing.stat().st_blocks * 512
            row["free"] = _free(work, place, device)
            row["there"] = row["free"] is not None
    elif kept.kind == FOLDER:
        row["file"] = str(work.folder(place))
        row["there"] = mounts.at(work.target(place)) is not None
    return row


def _free(work: Work, place: Place, device: Path) -> int | None:
    if place.group is None:
        target = work.target(place)
        return room(target)[1] if mounts.at(target) is not None else None
    try:
        return groups.sizes(device, place.group)[1]
    except ApplianceProblem:
        return None
