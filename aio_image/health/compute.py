"""Compute: its services, and an instance that runs."""

from __future__ import annotations

from typing import Any

from aio_image.health.client import CheckFailed, Cloud
from aio_image.health.network import temporary_network

_TYPE = "compute"
_EXPECTED = ("nova-compute", "nova-conductor", "nova-scheduler")
TINY_IMAGE = "aio-tiny"
TINY_FLAVOR = "m1.nano"


def services(cloud: Cloud) -> str:
    """Conductor, scheduler and compute are up, and there is a hypervisor to schedule to."""
    rows = cloud.get(_TYPE, "/os-services")["services"]
    up = {row["binary"] for row in rows if row["state"] == "up" and row["status"] == "enabled"}
    down = [name for name in _EXPECTED if name not in up]
    if down:
        raise CheckFailed(f"not up: {', '.join(down)}", f"journalctl -u {down[0]}")
    hosts = cloud.get(_TYPE, "/os-hypervisors")["hypervisors"]
    usable = [host for host in hosts if host["state"] == "up" and host["status"] == "enabled"]
    if not usable:
        raise CheckFailed(
            "nova knows no hypervisor that is up", "nova-manage cell_v2 discover_hosts"
        )
    return f"{', '.join(sorted(up))}; {len(usable)} hypervisor"


def instance(cloud: Cloud) -> str:
    """The tiny image becomes an ACTIVE instance on a network of its own; then both are deleted."""
    image = _tiny_image(cloud)
    flavor = _tiny_flavor(cloud)
    with temporary_network(cloud, "instance") as network:
        body = {
            "server": {
                "name": f"{cloud.target.run}-instance",
                "imageRef": image["id"],
                "flavorRef": flavor["id"],
                "networks": [{"uuid": network}],
            }
        }
        made = cloud.post(_TYPE, "/servers", body)["server"]
        path = f"/servers/{made['id']}"
        with cloud.temporary(_TYPE, path, "the instance", wait=True):
            seconds = cloud.wait_for("the instance", "ACTIVE", lambda: _status(cloud, path))
    return f"{image['name']}, {flavor['name']}: ACTIVE after {seconds:.0f} s, deleted"


def _status(cloud: Cloud, path: str) -> str:
    server = cloud.get(_TYPE, path)["server"]
    status = str(server["status"])
    if status == "ERROR":
        fault = server.get("fault", {}).get("message", "no reason given")
        raise CheckFailed(f"the instance is in ERROR: {fault}", "journalctl -u nova-compute")
    task = server.get("OS-EXT-STS:task_state")
    return f"{status} ({task})" if task else status


def _tiny_image(cloud: Cloud) -> dict[str, Any]:
    images = cloud.get("image", "/v2/images", params={"status": "active"})["images"]
    if not images:
        raise CheckFailed("there is no active image to make an instance from")
    named = [one for one in images if one["name"] == TINY_IMAGE]
    best: dict[str, Any] = (named or sorted(images, key=lambda one: one["size"] or 0))[0]
    return best


def _tiny_flavor(cloud: Cloud) -> dict[str, Any]:
    flavors = cloud.get(_TYPE, "/flavors/detail")["flavors"]
    if not flavors:
        raise CheckFailed("there is no flavor to make an instance of")
    named = [one for one in flavors if one["name"] == TINY_FLAVOR]
    best: dict[str, Any] = (named or sorted(flavors, key=lambda one: (one["ram"], one["disk"])))[0]
    return best
