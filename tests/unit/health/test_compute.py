"""An instance counts when it was heard, at the address it was given."""

from __future__ import annotations

import json

import pytest

from aio_image.health import compute
from aio_image.health.client import CheckFailed, Cloud

from .conftest import Answer, Service

BOOTING = "[    1.2] Run /init as init process\n"
UP = f"{BOOTING}aio-tiny: up 198.51.100.7/24\n"


class Nova:
    """Nova, Glance and Neutron, as far as one instance asks; ``consoles`` are what it says."""

    def __init__(self, service: Service, consoles: list[str], page: str = "<title>noVNC") -> None:
        self.url, self.consoles, self.page = service.url, consoles, page
        self.deleted: list[str] = []
        service.answer = self.answer

    def answer(self, method: str, path: str) -> Answer:
        if method == "DELETE":
            self.deleted.append(path)
            return 204, "", {}
        if path.startswith("/console?"):
            return 200, self.page, {}
        if path == "/servers/1/action":
            said = self.consoles.pop(0) if len(self.consoles) > 1 else self.consoles[0]
            return (200, json.dumps({"output": said}), {}) if said else (409, "{}", {})
        if method == "GET" and path in self.deleted:
            return 404, "", {}
        rows: dict[str, object] = {
            "/v2/images?status=active": {"images": [{"id": "i", "name": "aio-tiny", "size": 1}]},
            "/flavors/detail": {"flavors": [{"id": "f", "name": "m1.nano"}]},
            "/v2.0/networks": {"network": {"id": "n"}},
            "/v2.0/subnets": {"subnet": {"id": "s"}},
            "/servers": {"server": {"id": "1"}},
            "/servers/1": {
                "server": {"status": "ACTIVE", "addresses": {"n": [{"addr": "198.51.100.7"}]}}
            },
            "/servers/1/diagnostics": {"driver": "libvirt", "hypervisor": "qemu"},
            "/servers/1/remote-consoles": {
                "remote_console": {"url": f"{self.url}/console?path=%3Ftoken%3Dt0ken"}
            },
        }
        return 200, json.dumps(rows[path]), {}


def test_it_is_heard(service: Service, cloud: Cloud) -> None:
    nova = Nova(service, ["", BOOTING, UP])
    told = compute.instance(cloud)
    assert told.startswith("aio-tiny by qemu: ACTIVE after 0 s, up with 198.51.100.7 after ")
    assert nova.deleted == ["/servers/1", "/v2.0/networks/n"]


@pytest.mark.parametrize(
    ("consoles", "page", "says"),
    [
        ([""], "noVNC", "the instance's console is empty, not up after 1 s"),
        ([BOOTING], "noVNC", r"console is at .*Run /init as init process', not up"),
        (
            [f"{BOOTING}aio-tiny: up without an address\n"],
            "noVNC",
            "says 'up without an address' where Neutron gave it 198.51.100.7",
        ),
        ([UP], "<html>nothing", "is not noVNC's page"),
    ],
)
def test_it_is_not_enough_to_be_active(
    service: Service, cloud: Cloud, consoles: list[str], page: str, says: str
) -> None:
    nova = Nova(service, consoles, page)
    with pytest.raises(CheckFailed, match=says) as caught:
        compute.instance(cloud)
    assert "t0ken" not in caught.value.message
    assert nova.deleted == ["/servers/1", "/v2.0/networks/n"]
