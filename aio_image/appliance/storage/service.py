"""aio-storage.service: everything there before a service that keeps big data starts, and let go
in the opposite order when the machine goes down."""

from __future__ import annotations

from pathlib import Path

from .. import settled
from ..files import make_folder
from ..layout import Layout
from ..problems import ApplianceProblem
from . import disk, groups, loops, mounts, places, table
from .places import Work
from .record import FILE, FOLDER, Record
from .table import Place


def attach(layout: Layout) -> list[str]:
    """Have the cloud's storage there. Returns warnings. Raises ApplianceProblem.

    A boot on which nothing is new writes nothing, so that a full disk does not stop it.
    """
    known = table.load(layout.services)
    record = Record.load(layout.storage)
    warnings: list[str] = []
    wanted = settled.latest(layout)
    sizes = {"cinder": wanted.storage.cinder, "nova": wanted.storage.nova}
    sizes["swift"] = wanted.storage.swift
    for word, size in sizes.items():
        if size is not None and word not in {place.size for place in known}:
            _refuse(
                f"storage.{word}: there is no {word} in this cloud",
                "remove it from /etc/aio/config.yaml", record, warnings,
            )  # fmt: skip
    work = Work(layout, record, warnings.append)
    disk.ready(work.where, wanted.data_disk, record, warnings.append)
    make_folder(work.where)
    for place in known:
        places.ready(work, place, sizes[place.size] if place.size else None)
    return warnings


def detach(layout: Layout) -> list[str]:
    """Let everything go. Returns what could not be: it is in use, and left to systemd's last."""
    record = Record.load(layout.storage)
    work = Work(layout, record, lambda _: None)
    left = []
    for place in reversed(table.load(layout.services)):
        kept = record.places.get(place.name)
        if kept is not None and kept.kind in (FILE, FOLDER) and not _let_go(work, place):
            left.append(place.group or str(place.mount))
    if record.disk is not None and not mounts.unmount(work.where):
        left.append(str(work.where))
    return left


def _let_go(work: Work, place: Place) -> bool:
    if place.group is None:
        gone = mounts.unmount(work.target(place))
    else:
        device = Path(place.device or "")
        attached = loops.file_behind(device) is not None
        gone = not attached or groups.deactivate(device, place.group)
    if gone and place.device is not None:
        loops.detach(Path(place.device), work.file(place))
    return gone


def _refuse(message: str, hint: str, record: Record, warnings: list[str]) -> None:
    """Stops a first boot. A working cloud goes on as it is, and warns."""
    if not record.settled:
        raise ApplianceProblem(message, hint=hint)
    warnings.append(message)
