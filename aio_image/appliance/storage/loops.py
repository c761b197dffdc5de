"""Sparse files behind loop devices of fixed numbers."""

from __future__ import annotations

import os
from pathlib import Path

from ..files import make_folder, sync_folder
from ..problems import ApplianceProblem
from .programs import attempt, run


def make(backing: Path, size: int) -> None:
    """A file of ``size`` zero bytes at ``backing``, in place of any that is there."""
    make_folder(backing.parent)
    new = backing.with_name(f".{backing.name}.aio-new")
    with new.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.truncate(size)
        os.fsync(file.fileno())
    new.replace(backing)
    sync_folder(backing.parent)


def lengthen(backing: Path, size: int) -> None:
    """Make the file ``size`` bytes long; never shorter."""
    with backing.open("r+b") as file:
        if os.fstat(file.fileno()).st_size < size:
            file.truncate(size)
            os.fsync(file.fileno())


def file_behind(device: Path) -> str | None:
    """The file that ``device`` is bound to; None when to none."""
    try:
        said = Path(f"/sys/block/{device.name}/loop/backing_file").read_text("utf-8")
    except FileNotFoundError:
        return None
    return said.rstrip("\n")


def attach(backing: Path, device: Path) -> None:
    """Bind ``device`` to ``backing``, past the page cache where the file system can."""
    there = file_behind(device)
    if there == str(backing.resolve()):
        # The file may have been made longer meanwhile.
        run("losetup", "--set-capacity", device)
        return
    if there is not None:
        raise ApplianceProblem(
            f"{device} is in use for {there}",
            hint=f"losetup --detach {device}; what does not name a number leaves it alone",
        )
    if not attempt("losetup", "--direct-io=on", device, backing) and file_behind(device) is None:
        run("losetup", device, backing)


def detach(device: Path, backing: Path) -> None:
    """Let ``device`` go if it is bound to ``backing``."""
    if file_behind(device) == str(backing.resolve()):
        attempt("losetup", "--detach", device)
