"""One place: a loop file with LVM or a file system on it, or a folder of the data disk."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..files import make_folder, sync_folder
from ..layout import Layout
from ..problems import ApplianceProblem
from . import filesystems, groups, loops, mounts, table, words
from .programs import run
from .record import FILE, FOLDER, NONE, Kept, Record
from .table import Place

SMALLEST = 2 * words.GIB


@dataclass
class Work:
    """What making one place ready needs to know."""

    layout: Layout
    record: Record
    warn: Callable[[str], None]

    @property
    def where(self) -> Path:
        return table.where(self.layout)

    def file(self, place: Place) -> Path:
        return self.where / f"{place.name}.img"

    def folder(self, place: Place) -> Path:
        return self.where / place.name

    def target(self, place: Place) -> Path:
        assert place.mount is not None
        return self.layout.at(place.mount)


def ready(work: Work, place: Place, asked: int | None) -> None:
    """Have ``place`` there. ``asked``: the size the configuration asks for, in bytes.

    Raises ApplianceProblem.
    """
    kept = work.record.places.get(place.name)
    if kept is None:
        kept = _decide(work, place, asked)
        work.record.places[place.name] = kept
        work.record.save()  # before anything is made
    if kept.kind == FILE:
        _file(work, place, kept, asked)
    else:
        if asked is not None:
            work.warn(
                f"storage.{place.size}: a size is taken at first boot only: {place.name} has "
                f"no disk of its own, and shares {work.where if kept.kind == FOLDER else '/'}"
            )
        if kept.kind == FOLDER:
            _folder(work, place, kept)


def _decide(work: Work, place: Place, asked: int | None) -> Kept:
    if place.device is not None and (asked is not None or place.share):
        if work.file(place).exists():
            raise ApplianceProblem(
                f"{work.file(place)}: is there, and this appliance has not made it",
                hint="move it away; nothing on it has been touched",
            )
        free = _free(work.where)
        size = asked if asked is not None else share(free, place.share)
        if size < SMALLEST:
            raise ApplianceProblem(
                f"storage.{place.size}: {words.size(size)} are too few for {place.name}",
                hint=f"{words.size(SMALLEST)} or more are needed",
            )
        return Kept(FILE, size)
    if place.folder and work.record.disk is not None:
        return Kept(FOLDER)
    return Kept(NONE, made=True)


def share(free: int, percent: int) -> int:
    """Bytes of a file for ``free`` bytes of disk: that part in whole GiB, 2 GiB or more."""
    return max(SMALLEST, free * percent // 100 // words.GIB * words.GIB)


def _file(work: Work, place: Place, kept: Kept, asked: int | None) -> None:
    backing, device = work.file(place), Path(place.device or "")
    if not kept.made:
        _make(work, place, kept, backing, device)
    elif not backing.exists():
        raise ApplianceProblem(
            f"{backing}: is gone, and with it what {place.name} kept there",
            hint="put it back; if it is lost for good, `aio storage --help`",
        )
    if asked is not None and asked < kept.size:
        work.warn(
            f"storage.{place.size}: {words.size(asked)} asked for, and {backing} has "
            f"{words.size(kept.size)}: it is not made smaller"
        )
    size = max(kept.size, asked or 0)
    if size > kept.size:
        loops.lengthen(backing, size)
    loops.attach(backing, device)
    if place.group is not None:
        if size > kept.size:
            groups.grow(device)
        groups.activate(device, place.group)
    else:
        filesystems.mount(device, place.filesystem, work.target(place))
        if size > kept.size:
            filesystems.grow(device, place.filesystem, work.target(place))
    if size > kept.size:
        kept.size = size
        work.record.save()
    missing = size - backing.stat().st_blocks * 512 - _free(work.where)
    if missing > 0:
        work.warn(
            f"{backing}: may grow to {words.size(size)}, {words.size(missing)} more than "
            f"{work.where} has room for; writing fails when that is full"
        )


def _make(work: Work, place: Place, kept: Kept, backing: Path, device: Path) -> None:
    """From the start: what an earlier try has left is of no use to anybody."""
    loops.detach(device, backing)
    loops.make(backing, kept.size)
    loops.attach(backing, device)
    if place.group is not None:
        groups.make(device, place.group)
    else:
        filesystems.make(device, place.filesystem, str(uuid.uuid4()), place.name)
        _fill(work, place, device)
    filesystems.flush(device)
    handle = os.open(backing, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    kept.made = True
    work.record.save()


def _fill(work: Work, place: Place, device: Path) -> None:
    """What the image has at the target goes onto the new file system, owner and all."""
    passing = work.layout.run / "storage"
    mounts.unmount(passing)
    filesystems.mount(device, place.filesystem, passing)
    try:
        _copy(work.target(place), passing)
    finally:
        mounts.unmount(passing)


def _folder(work: Work, place: Place, kept: Kept) -> None:
    folder, target = work.folder(place), work.target(place)
    there = mounts.at(target)
    if there is not None and kept.made:
        ours = mounts.at(work.where)
        if ours and there.number == ours.number and there.inside == f"/{folder.name}":
            return
        raise ApplianceProblem(f"{target}: {there.source} is mounted there already")
    if not kept.made:
        if folder.exists():
            shutil.rmtree(folder)
        make_folder(folder)
        _copy(target, folder)
        sync_folder(work.where)
        kept.made = True
        work.record.save()
    elif not folder.is_dir():
        raise ApplianceProblem(
            f"{folder}: is gone, and with it what {place.name} kept there",
            hint="put it back; if it is lost for good, `aio storage --help`",
        )
    mounts.mount(folder, target, "--bind")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        run("cp", "--archive", f"{source}/.", target)
    else:
        make_folder(source)
    # One call for the whole file system: cp does not sync what it has copied.
    run("sync", "--file-system", target)


def _free(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
