"""Compute: its services, and an instance that runs."""

from __future__ import annotations

from typing import Any

from aio_image.health.client import CheckFailed, Cloud
from aio_image.health.network import temporary_network

_TYPE = "compute"
_EXPECTED = ("nova-compute", "nova-conductor", "nova-scheduler")
TINY_IMAGE = "aio-tiny"
TINY_FLAVOR = "m1.nano"
# What the tiny image writes to its serial port once it has asked for an address
# (elements/aio-system-tiny/aio-tiny/init).
_SAYS = "aio-tiny: "
_UP = f"{_SAYS}up "
_NO_CONSOLE_YET = (404, 409)
_NOVNC = "noVNC"
_COMPLETE = "complete"


def services(cloud: Cloud) -> str:
    """Conductor, scheduler and compute are up, or soon; there is a hypervisor to schedule to."""
    cloud.wait_for("nova", _COMPLETE, lambda: _missing(cloud))
    hosts = cloud.get(_TYPE, "/os-hypervisors")["hypervisors"]
    usable = [host for host in hosts if host["state"] == "up" and host["status"] == "enabled"]
    if not usable:
        raise CheckFailed(
            "nova knows no hypervisor that is up", "nova-manage cell_v2 discover_hosts"
        )
    return f"{', '.join(_EXPECTED)}; {len(usable)} hypervisor"


def _missing(cloud: Cloud) -> str:
    rows = cloud.get(_TYPE, "/os-services")["services"]
    up = {row["binary"] for row in rows if row["state"] == "up" and row["status"] == "enabled"}
    down = [name for name in _EXPECTED if name not in up]
    return f"without {', '.join(down)} (journalctl -u {down[0]})" if down else _COMPLETE


def instance(cloud: Cloud) -> str:
    """The tiny image runs: its own words are on its console, with the address Neutron gave it.

    On a network of its own; the page of its graphical console answers. All is deleted then.
    """
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
            active = cloud.wait_for("the instance", "ACTIVE", lambda: _status(cloud, path))
            hypervisor = _hypervisor(cloud, path)
            tiny = image["name"] == TINY_IMAGE
            up = cloud.wait_for(
                "the instance's console", "up", lambda: _spoken(cloud, path, tiny=tiny)
            )
            address = _address(cloud, path) if tiny else ""
            _console_page(cloud, path)
    told = f"up with {address}" if tiny else "on its console"
    return (
        f"{image['name']} by {hypervisor}: ACTIVE after {active:.0f} s, {told} "
        f"after {active + up:.0f} s, its console's page answers, deleted"
    )


def _status(cloud: Cloud, path: str) -> str:
    server = cloud.get(_TYPE, path)["server"]
    status = str(server["status"])
    if status == "ERROR":
        fault = server.get("fault", {}).get("message", "no reason given")
        raise CheckFailed(f"the instance is in ERROR: {fault}", "journalctl -u nova-compute")
    task = server.get("OS-EXT-STS:task_state")
    return f"{status} ({task})" if task else status


def _hypervisor(cloud: Cloud, path: str) -> str:
    """What runs the instance, libvirt's virt_type as nova uses it: ``kvm`` or ``qemu``."""
    return str(cloud.get(_TYPE, f"{path}/diagnostics")["hypervisor"])


def _console(cloud: Cloud, path: str) -> list[str]:
    """The lines of the instance's serial console so far that say anything."""
    answer = cloud.request(
        "POST",
        _TYPE,
        f"{path}/action",
        json={"os-getConsoleOutput": {"length": 200}},
        ok=(200, *_NO_CONSOLE_YET),
    )
    if answer.status_code in _NO_CONSOLE_YET:
        return []
    return [line.strip() for line in str(answer.json()["output"]).splitlines() if line.strip()]


def _spoken(cloud: Cloud, path: str, *, tiny: bool) -> str:
    """``up`` once the console shows that the instance ran; else how far it came."""
    lines = _console(cloud, path)
    if not tiny:
        return "up" if lines else "empty"
    if any(_UP in line for line in lines):
        return "up"
    return f"at {lines[-1][:80]!r}" if lines else "empty"


def _address(cloud: Cloud, path: str) -> str:
    """The address the instance says it has, which is to be Neutron's."""
    said = next(line.partition(_UP)[2] for line in _console(cloud, path) if _UP in line)
    networks = cloud.get(_TYPE, path)["server"]["addresses"]
    given = [row["addr"] for rows in networks.values() for row in rows]
    address = said.partition("/")[0]
    if address not in given:
        raise CheckFailed(
            f"the instance runs, but says 'up {said}' where Neutron gave it {', '.join(given)}",
            "DHCP is OVN's: journalctl -u ovn-controller",
        )
    return address


def _console_page(cloud: Cloud, path: str) -> None:
    """The page nova names for the instance's graphical console answers, and is noVNC's."""
    body = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
    url = cloud.post(_TYPE, f"{path}/remote-consoles", body)["remote_console"]["url"]
    page = cloud.raw("GET", url, ok=(200,), headers={"Accept": "text/html"})
    if _NOVNC not in page.text:
        raise CheckFailed(
            f"{url.partition('?')[0]} is not noVNC's page", "journalctl -u nova-novncproxy"
        )


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
