"""Reboots: always back to healthy by itself, with what ran before."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from aio_image.boot.appliance import Appliance
from aio_image.health.client import Cloud
from aio_image.health.compute import TINY_FLAVOR, TINY_IMAGE
from aio_image.host.cancel import Cancel
from tests.boot.conftest import told
from tests.boot.machines import Rig, begin_again, check_cloud, until_healthy
from tests.boot.native.boot import Boot, cut, powered
from tests.boot.native.disk import RootDisk
from tests.boot.table import Table
from tests.private import in_private

pytestmark = pytest.mark.boot
COLUMNS = ("reboot", "kind", "healthy", "after")
_HARD = (2, 5, 8)  # of ten
_MARK = "written before the reboot"


def _kinds() -> list[str]:
    count = int(told("REBOOTS", "10"))
    return ["hard" if number % 10 in _HARD else "soft" for number in range(count)]


def test_natively(base: RootDisk, scratch: Path, results: Path) -> None:
    """Database, broker, OVN and API keep what they had, however the container goes down."""
    scratch.mkdir(parents=True, exist_ok=True)
    table = Table(results, "reboots-native", COLUMNS)

    def body() -> None:
        disk = base.copy(scratch / "disk.raw")
        with powered(disk, scratch, orderly=True) as boot:
            table.add(reboot=0, kind="first boot", healthy=round(boot.until_healthy(), 1))
            boot.inside(*_openstack("network", "create", "kept"))
            known = _known(boot)
        for number, kind in enumerate(_kinds(), start=1):
            if kind == "hard":
                # What the next boot finds is a disk whose power was cut under a working cloud.
                cut(disk, scratch, lambda boot: boot.status().get("state") == "healthy")
            with powered(disk, scratch, orderly=True) as boot:
                seconds = boot.until_healthy()
                table.add(reboot=number, kind=kind, healthy=round(seconds, 1), after=boot.troubles)
                assert boot.token()["status"] == 201
                assert boot.container is not None
                assert boot.container.failed_units() == []
                assert _known(boot) == known
        assert disk.faults() == ""

    in_private(body)
    shutil.rmtree(scratch)


def _openstack(*words: str) -> tuple[str, ...]:
    return ("openstack", "--os-cloud", "aio", *words)


def _known(boot: Boot) -> dict[str, str]:
    """What a reboot may not change: networks in Neutron and in OVN, the broker's users, chassis."""
    rabbit = boot.inside("rabbitmqctl", "--quiet", "list_users")
    return {
        "networks": boot.inside(
            *_openstack("network", "list", "-f", "value", "--sort-column", "ID")
        ),
        "switches": "\n".join(sorted(boot.inside("ovn-nbctl", "ls-list").splitlines())),
        "chassis": boot.inside("ovn-sbctl", "--bare", "--columns=name", "list", "Chassis"),
        "broker": "\n".join(sorted(rabbit.splitlines())),
        "system-id": boot.inside("ovs-vsctl", "get", "Open_vSwitch", ".", "external-ids:system-id"),
    }


def test_in_a_machine(image: Path, scratch: Path, results: Path) -> None:
    """AIO_IMAGE_TEST_REBOOTS (10) of them, three in ten by the reset button, with an instance
    running and a volume in it: both are there and work afterwards, every time."""
    rig = Rig(image, scratch, restarts=True)
    rows = rig.boot(_reboots)
    table = Table(results, "reboots-machine", COLUMNS)
    for row in rows:
        table.add(**row)
    assert [row["after"] for row in rows if row["after"] != "ok"] == []
    assert len(rows) == 1 + len(_kinds())
    shutil.rmtree(scratch)


def _reboots(rig: Rig, appliance: Appliance) -> list[dict[str, Any]]:
    rows = [{"reboot": 0, "kind": "first boot", "healthy": round(until_healthy(appliance), 1)}]
    guest = _Guest(rig, appliance)
    rows[0]["after"] = guest.check(appliance)
    for number, kind in enumerate(_kinds(), start=1):
        appliance = begin_again(rig, appliance, number)
        if kind == "hard":
            appliance.domain.reset()
        else:
            rig.ssh(appliance, "systemd-run --on-active=1 systemctl reboot")
        healthy = round(until_healthy(appliance), 1)
        rows.append(
            {"reboot": number, "kind": kind, "healthy": healthy, "after": guest.check(appliance)}
        )
        print(rows[-1], flush=True)
    checks = check_cloud(rig, appliance)
    rows[-1]["after"] = "ok" if set(checks.values()) == {"ok"} else str(checks)
    return rows


class _Guest:
    """An instance of the cloud and a volume in it, with something written on the volume."""

    def __init__(self, rig: Rig, appliance: Appliance) -> None:
        self.rig = rig
        cloud = self._cloud(appliance)
        network = cloud.post("network", "/v2.0/networks", {"network": {"name": "kept"}})["network"]
        subnet = {"network_id": network["id"], "ip_version": 4, "cidr": "198.51.100.0/24"}
        cloud.post("network", "/v2.0/subnets", {"subnet": subnet})
        images = cloud.get("image", "/v2/images", params={"name": TINY_IMAGE})["images"]
        flavors = cloud.get("compute", "/flavors")["flavors"]
        body = {
            "name": "kept",
            "imageRef": images[0]["id"],
            "flavorRef": next(one["id"] for one in flavors if one["name"] == TINY_FLAVOR),
            "networks": [{"uuid": network["id"]}],
        }
        self.server = cloud.post("compute", "/servers", {"server": body})["server"]["id"]
        cloud.wait_for("the instance", "ACTIVE", lambda: self._instance(cloud))
        made = cloud.post(
            "block-storage", self._volumes(cloud), {"volume": {"name": "kept", "size": 1}}
        )
        self.volume = made["volume"]["id"]
        cloud.wait_for("the volume", "available", lambda: self._state(cloud))
        rig.ssh(appliance, f"dd of={self._logical()} conv=fsync status=none", feed=_MARK)
        attachment = {"volumeAttachment": {"volumeId": self.volume}}
        cloud.post("compute", f"/servers/{self.server}/os-volume_attachments", attachment)
        cloud.wait_for("the volume", "in-use", lambda: self._state(cloud))

    def check(self, appliance: Appliance) -> str:
        """ "ok", or what is not as it was."""
        cloud = self._cloud(appliance)
        wrong = []
        try:
            cloud.wait_for("the instance", "ACTIVE", lambda: self._instance(cloud))
            cloud.wait_for("the volume", "in-use", lambda: self._state(cloud))
            self._until_it_speaks(cloud)
        except Exception as error:  # whatever it is, it is the row's finding
            wrong.append(str(error))
        read = f"dd if={self._logical()} bs={len(_MARK)} count=1 status=none"
        if self.rig.ssh(appliance, read) != _MARK:
            wrong.append("the volume has lost what was written on it")
        if not self._disk_of_instance(appliance):
            wrong.append("the instance cannot read its volume")
        labels = self.rig.ssh(appliance, "ps -C qemu-system-x86_64 -o label=")
        if f"libvirt-{self.server} (enforce)" not in labels:
            wrong.append(f"the instance is not confined by AppArmor: {labels}")
        # What it says the next time is then of the next time.
        log = f"/var/lib/nova/instances/{self.server}/console.log"
        self.rig.ssh(appliance, f"truncate --size=0 {log}")
        self.rig.ssh(appliance, "sync")
        return "; ".join(wrong) or "ok"

    def _disk_of_instance(self, appliance: Appliance) -> bool:
        """Whether the device the instance has its volume on reads what was written before."""
        find = (
            "for d in $(virsh list --name | sed -n 1p | xargs -r virsh domblklist"
            " | awk '$1 == \"vdb\" {print $2}'); do"
            f" dd if=$d bs={len(_MARK)} count=1 status=none; done"
        )
        return self.rig.ssh(appliance, f"sh -c '{_quoted(find)}'") == _MARK

    def _until_it_speaks(self, cloud: Cloud) -> None:
        """The instance's console says that it is up: it ran, and was not only started."""

        def state() -> str:
            body: dict[str, Any] = {"os-getConsoleOutput": {}}
            said = cloud.post("compute", f"/servers/{self.server}/action", body)["output"]
            return "up" if "aio-tiny: up" in said else "silent"

        cloud.wait_for("the instance", "up", state)

    def _cloud(self, appliance: Appliance) -> Cloud:
        cloud = Cloud(self.rig.target(appliance), Cancel())
        fetched = cloud.raw("GET", cloud.target.url(443, "/aio/ca.pem"), verify=False)
        cloud.target.ca.write_bytes(fetched.content)
        cloud.verify_with_ca()
        cloud.authenticate()
        return cloud

    def _instance(self, cloud: Cloud) -> str:
        return str(cloud.get("compute", f"/servers/{self.server}")["server"]["status"])

    def _state(self, cloud: Cloud) -> str:
        path = f"{self._volumes(cloud)}/{self.volume}"
        return str(cloud.get("block-storage", path)["volume"]["status"])

    def _volumes(self, cloud: Cloud) -> str:
        project = cloud.token.project_id if cloud.token else ""
        ends = cloud.endpoint("block-storage").endswith(project)
        return "/volumes" if ends else f"/{project}/volumes"

    def _logical(self) -> str:
        return f"/dev/cinder-volumes/volume-{self.volume}"


def _quoted(text: str) -> str:
    return text.replace("'", "'\\''")
