"""LVM volume groups, one physical volume each. Commands look at that device and at no other."""

from __future__ import annotations

from pathlib import Path

from . import filesystems
from .programs import attempt, run


def make(device: Path, group: str) -> None:
    """A new group on ``device``, which holds nothing. Raises ApplianceProblem."""
    # Not forced: LVM refuses to write over what it recognises.
    run("pvcreate", "--quiet", "--devices", device, device)
    run("vgcreate", "--quiet", "--devices", device, group, device)


def activate(device: Path, group: str) -> None:
    run("vgchange", "--quiet", "--devices", device, "--activate", "y", group)


def deactivate(device: Path, group: str) -> bool:
    """Whether no volume of it is active any more; one that is open stays."""
    return attempt("vgchange", "--quiet", "--devices", device, "--activate", "n", group)


def grow(device: Path) -> None:
    """Have the physical volume fill ``device``; on the disk when this returns."""
    run("pvresize", "--quiet", "--devices", device, device)
    filesystems.flush(device)


def sizes(device: Path, group: str) -> tuple[int, int]:
    """Size and free space, in bytes."""
    said = run(
        "vgs", "--quiet", "--devices", device, "--noheadings", "--nosuffix", "--units", "b",
        "--options", "vg_size,vg_free", group,
    )  # fmt: skip
    size, free = said.split()
    return int(size), int(free)
