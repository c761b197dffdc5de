"""What the cloud keeps below /openstack, which may be a disk of its own: found, and removed."""

from __future__ import annotations

from collections.abc import Sequence

from . import pristine
from .layout import Layout
from .problems import ApplianceProblem
from .storage import forget, mounts
from .storage.record import Record


def disk(layout: Layout) -> str | None:
    """UUID of the data disk; None where /openstack is a plain folder.

    Raises ApplianceProblem when the cloud has a data disk and it is not mounted.
    """
    kept = Record.load(layout.storage).disk
    if kept is None or not kept.made:
        return None
    if mounts.at(layout.openstack) is None:
        raise ApplianceProblem(
            f"the data disk {kept.device} is not mounted: what the cloud has on it would stay",
            hint="attach it and reboot; if it is lost, `aio storage --forget disk`",
        )
    return kept.uuid


def remove(layout: Layout, patterns: Sequence[str]) -> str:
    """Remove what storage has made, and what ``patterns`` name; a warning, or "".

    Nothing else on a data disk is touched. A disk that does not appear is left out.
    """
    warning = forget.clear(layout)
    for path in pristine.matches(layout, patterns):
        if path.is_file() and not path.is_symlink():
            path.unlink()
    return warning
