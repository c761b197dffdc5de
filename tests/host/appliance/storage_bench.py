"""A machine's storage as far as it can be had here: real loop devices, real file systems, real LVM.

A volume cannot be activated without the device mapper, so groups stay without volumes here.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from aio_image.appliance.layout import Layout
from aio_image.appliance.storage import loops, mounts, service
from tests.unit.appliance.small_image import BAKE_ID, make_image
from tests.waiting import wait_for

GIB = 1024**3
# Numbers that nobody else counts up to.
CINDER, NOVA, SWIFT, DISK, OTHER = (Path(f"/dev/loop{number}") for number in range(1200, 1205))
GROUP = "aio-bench-volumes"
INSTANCES = "/var/lib/nova/instances"
IMAGES = "/var/lib/glance/images"
PLACES: dict[str, list[dict[str, Any]]] = {
    "glance": [{"name": "glance", "mount": IMAGES, "folder": True}],
    "nova": [
        {"name": "nova", "size": "nova", "device": str(NOVA), "mount": INSTANCES, "folder": True}
    ],
    "cinder": [
        {"name": "cinder", "size": "cinder", "device": str(CINDER), "group": GROUP, "share": 5}
    ],
}
SWIFT_PLACES = [
    {"name": "swift1", "size": "swift", "device": str(SWIFT), "mount": "/srv/swift1", "share": 1}
]


@cache
def own_mounts() -> None:
    """From here on this process has its mounts for itself.

    Else whoever makes a namespace meanwhile (a build, a container) takes ours into it, and they
    stay in use when we have let go of them.
    """
    assert ctypes.CDLL(None).unshare(0x00020000) == 0  # CLONE_NEWNS
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def _wait_until_free(device: Path) -> None:
    """The kernel lets go when whoever looks at it just now does."""
    assert wait_for(lambda: loops.file_behind(device) is None, 60), loops.file_behind(device)


@dataclass
class Machine:
    """``config`` is YAML; ``power_off`` lets go of everything as a machine without power does."""

    layout: Layout
    disks: dict[Path, Path] = field(default_factory=dict)

    @classmethod
    def make(cls, root: Path, places: Mapping[str, Any] = PLACES) -> Machine:
        own_mounts()
        layout = make_image(root)
        rows = [
            {"name": name, "units": [], "storage": {"users": [], "places": rows}}
            for name, rows in places.items()
        ]
        layout.services.write_text(
            json.dumps({"format": 1, "data": "/openstack", "services": rows})
        )
        layout.personalised.write_text(f"{BAKE_ID}\n")
        for folder, name in ((INSTANCES, "compute_nodes"), (IMAGES, "tiny")):
            layout.at(folder).mkdir(parents=True)
            layout.at(folder).joinpath(name).write_text("from the image")
            layout.at(folder).chmod(0o750)
        return cls(layout)

    @property
    def openstack(self) -> Path:
        return self.layout.at("/openstack")

    def add_disk(self, device: Path = DISK, size: int = 9 * GIB) -> Path:
        """Attach a disk, blank at first."""
        backing = self.layout.root.parent / f"{device.name}.raw"
        if not backing.exists():
            backing.touch()
        with backing.open("r+b") as file:
            file.truncate(size)
        loops.attach(backing, device)
        self.disks[device] = backing
        return backing

    def remove_disk(self, device: Path = DISK) -> None:
        loops.detach(device, self.disks[device])
        _wait_until_free(device)

    def configure(self, text: str) -> None:
        self.layout.config.write_text(text)

    def boot(self) -> list[str]:
        """Warnings of a boot's storage."""
        return service.attach(self.layout)

    def power_off(self, keep: Path | None = None) -> None:
        below = [one.at for one in mounts.all_of_them() if one.at.startswith(str(self.layout.root))]
        for one in reversed([one for one in below if Path(one) not in (self.openstack, keep)]):
            subprocess.run(["umount", one], check=True)
        for device in (CINDER, NOVA, SWIFT):
            there = loops.file_behind(device)
            if there and there.startswith(str(self.layout.root)):
                subprocess.run(["losetup", "--detach", device], check=True)
            _wait_until_free(device)
        mounts.unmount(self.openstack)
        assert mounts.at(self.openstack) is None

    def scrap(self) -> None:
        self.power_off()
        for device in self.disks:
            self.remove_disk(device)

    @property
    def kept(self) -> dict[str, Any]:
        """The record, as it is on disk."""
        found: dict[str, Any] = json.loads(self.layout.storage.read_text())
        return found
