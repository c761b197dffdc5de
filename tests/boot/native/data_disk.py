"""A data disk of an appliance that runs natively: a loop device, without volumes.

A container has no device mapper.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aio_image.appliance.storage import loops
from tests.boot.native.boot import Boot
from tests.waiting import wait_for

# Numbers that nobody else counts up to.
DISK, LATER = Path("/dev/loop1210"), Path("/dev/loop1211")


def have_storage(root: Path) -> None:
    """Have aio-storage.service run in the container, for what needs no device mapper."""
    path = root / "usr/share/aio/services.json"
    table = json.loads(path.read_text(encoding="utf-8"))
    for service in table["services"]:
        if service["storage"] is not None:
            places = service["storage"]["places"]
            service["storage"]["places"] = [one for one in places if one["group"] is None]
        if service["name"] == "cinder":
            service["units"].insert(0, "aio-storage.service")
    path.write_text(json.dumps(table), encoding="utf-8")
    folder = root / "etc/systemd/system/aio-storage.service.d"
    folder.mkdir()
    (folder / "90-here.conf").write_text("[Unit]\nConditionVirtualization=\n", encoding="utf-8")


@contextmanager
def attached(boot: Boot, device: Path, backing: Path) -> Iterator[None]:
    """``backing`` as a disk of the appliance: the kernel is the host's, the node its own."""
    assert boot.container is not None
    loops.attach(backing, device)
    try:
        node = Path(f"/proc/{boot.container.leader}/root{device}")
        os.mknod(node, stat.S_IFBLK | 0o660, device.stat().st_rdev)
        yield
    finally:
        loops.detach(device, backing)


def mounted(boot: Boot) -> str:
    return boot.inside("findmnt", "--noheadings", "--output=SOURCE", "/openstack").strip()


def let_go(boot: Boot) -> None:
    """What going down does, before the disk is pulled: its users end, then it is unmounted."""
    boot.inside("systemctl", "stop", "aio-storage.service")
    assert wait_for(lambda: not boot.inside("findmnt", "/openstack", check=False))
