"""The cloud that is checked: where it is, who to be there, and what it is expected to offer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KEYSTONE_PORT = 5000


def bracketed(host: str) -> str:
    """``host`` as a URL spells it: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True)
class Endpoint:
    """A row the catalogue is to have: service ``type`` and ``name``, public port, URL path."""

    type: str
    name: str
    port: int
    path: str


@dataclass(frozen=True)
class Target:
    """``address`` is what URLs name: an address, or a name. ``peer`` is connected to in its
    place, where it does not lead there; the certificate has to be ``address``'s all the same.

    ``ports`` says where on ``address`` ports are that are not at their own number.

    ``expected`` is the catalogue to find; ``dashboard`` the path of Horizon, "" where it is not;
    ``appliance`` whether it is one of ours, which tells its state and offers its CA.
    ``folder`` is where the CA fetched from the cloud goes. ``request`` and ``resource`` are
    time limits in seconds: for one answer, and until a resource has the state asked for.
    """

    address: str
    password: str = field(repr=False)
    folder: Path
    expected: tuple[Endpoint, ...]
    ports: Mapping[int, int] = field(default_factory=dict)
    peer: str | None = None
    user: str = "admin"
    project: str = "admin"
    domain: str = "Default"
    dashboard: str = "/horizon/"
    appliance: bool = True
    request: float = 60.0
    resource: float = 120.0
    # In the name of everything the checks make, so that a person can tell whose it is.
    run: str = field(default_factory=lambda: f"aio-check-{secrets.token_hex(4)}")

    def url(self, port: int, path: str = "", scheme: str = "https") -> str:
        """The URL of the cloud's ``port``; the scheme's own port is left out."""
        real = self.ports.get(port, port)
        shown = "" if real == {"https": 443, "http": 80}[scheme] else f":{real}"
        return f"{scheme}://{bracketed(self.address)}{shown}{path}"

    @property
    def ca(self) -> Path:
        """The cloud's CA in PEM, once it was fetched."""
        return self.folder / "ca.pem"

    def expects(self, service_type: str) -> bool:
        return any(one.type == service_type for one in self.expected)


def expected_of(services: Mapping[str, Any]) -> tuple[tuple[Endpoint, ...], tuple[int, ...]]:
    """The catalogue and all public ports of ``DeployerFacts.dump``'s (services.json's) table."""
    endpoints = []
    ports = set()
    for service in services["services"]:
        api = service["api"]
        if api is not None:
            endpoints.append(Endpoint(api["type"], api["name"], api["port"], api["path"]))
            ports.add(api["port"])
        ports |= {probe["port"] for probe in service["probes"] if probe["port"] is not None}
    return tuple(endpoints), tuple(sorted(ports))
