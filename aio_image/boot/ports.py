"""How the host reaches a guest behind QEMU's user network: one loopback address a guest.

All of 127.0.0.0/8 is this host. A guest gets an address of its own there, with its ports
forwarded under their own numbers, and is told that this is its public address: the URLs in its
catalogue, its certificate and its redirects then hold on the host just as they are.
Ports below 1024 are moved up, because QEMU seldom runs as root.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aio_image.errors import HostError

SSH, HTTP, HTTPS = 22, 80, 443
_MOVED = {SSH: 2222, HTTP: 8080, HTTPS: 8443}
_PRIVILEGED = 1024
_ATTEMPTS = 20


@dataclass(frozen=True)
class Forwards:
    """``ports`` maps the guest's port to the one at ``address`` on the host."""

    address: str
    ports: Mapping[int, int]


def choose_forwards(guest_ports: Iterable[int]) -> Forwards:
    """A free loopback address for ``guest_ports``. Raises HostError naming the port in the way.

    The ports are free at the moment of asking; QEMU binds them a second later.
    """
    wanted = sorted(set(guest_ports))
    taken: list[int] = []
    for _ in range(_ATTEMPTS):
        address = _random_address()
        ports = {port: _host_port(address, port) for port in wanted}
        taken = [port for port in ports.values() if not _free(address, port)]
        if not taken:
            return Forwards(address, ports)
    # Whatever address is tried: something listens there on all of them (0.0.0.0).
    names = ", ".join(map(str, taken))
    raise HostError(
        f"port {names} of this host is in use on every address; the guest needs it on one",
        hint=f"see who listens (ss -ltnp 'sport = :{taken[0]}') and stop it, or bind it to one "
        "address; or boot on a libvirt network (--network NAME)",
    )


def forwards_at(address: str, guest_ports: Iterable[int]) -> Forwards:
    """Forwards at an ``address`` that was chosen before. Raises HostError when it is taken."""
    ports = {port: _host_port(address, port) for port in sorted(set(guest_ports))}
    taken = [port for port in ports.values() if not _free(address, port)]
    if taken:
        raise HostError(
            f"port {', '.join(map(str, taken))} of {address}, which this disk's appliance is "
            "known by, is in use",
            hint="is it running already? `aio-image run --list`",
        )
    return Forwards(address, ports)


def _random_address() -> str:
    # The outermost are left out: .0 and .255 look like networks, 127.0.x.x is where resolvers are.
    return "127." + ".".join(str(1 + secrets.randbelow(254)) for _ in range(3))


def _host_port(address: str, guest_port: int) -> int:
    if guest_port >= _PRIVILEGED:
        return guest_port
    moved = _MOVED.get(guest_port, guest_port + 10000)
    # Nothing depends on the number of a port that was moved anyway.
    return moved if _free(address, moved) else _any_free(address)


def _free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _any_free(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
