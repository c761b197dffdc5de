"""What the cloud keeps below /openstack, which may be a disk of its own: found, and removed."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator, Sequence

from . import config, ledger, pristine
from .layout import Layout
from .problems import ApplianceProblem

FOLDER = "/openstack"
_PATIENCE = 60.0  # seconds for a disk that is slow to appear


def disk(layout: Layout) -> str | None:
    """UUID of the file system that is mounted at /openstack; None where it is a plain folder.

    Raises ApplianceProblem when the configuration names a data disk and none is mounted.
    """
    done = subprocess.run(
        ["findmnt", "--noheadings", "--output", "UUID", "--mountpoint", layout.at(FOLDER)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if uuid := done.stdout.strip():
        return uuid
    asked = config.load(layout.config, ledger.load(layout.ledger).secrets, layout.root).data_disk
    if asked is not None:
        raise ApplianceProblem(
            f"the data disk {asked.device} is not mounted: what the cloud has on it would stay",
            hint="attach it and reboot, or take data_disk out of /etc/aio/config.yaml",
        )
    return None


def remove(layout: Layout, patterns: Sequence[str], uuid: str | None) -> str:
    """Remove what ``patterns`` name, on the disk ``uuid`` if there is one; a warning, or "".

    Nothing else on that disk is touched. A disk that does not appear is left out.
    """
    with contextlib.ExitStack() as stack:
        if uuid is not None and not stack.enter_context(_mounted(layout, uuid)):
            return f"the data disk with UUID {uuid} did not appear: what is on it stays"
        for path in pristine.matches(layout, patterns):
            if path.is_file() and not path.is_symlink():
                path.unlink()
    return ""


@contextlib.contextmanager
def _mounted(layout: Layout, uuid: str) -> Iterator[bool]:
    point = layout.at(FOLDER)
    if point.is_mount():
        yield True
        return
    point.mkdir(exist_ok=True)
    until = time.monotonic() + _PATIENCE
    while subprocess.run(["mount", f"UUID={uuid}", point], check=False).returncode:
        if time.monotonic() > until:
            yield False
            return
        time.sleep(2)
    try:
        yield True
    finally:
        subprocess.run(["umount", point], check=True)
