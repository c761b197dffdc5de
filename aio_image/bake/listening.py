"""What listens in a booted copy where others can reach it, and whether it is meant to."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from aio_image.deployers import Port

# Interfaces whose other ends are in this machine too: lxcbr0 is the bridge of LXC's containers.
_INNER = ("lo", "lxcbr0")


@dataclass(frozen=True)
class Listener:
    """A socket that takes what comes; ``by`` names its processes as ``ss`` does."""

    protocol: str
    address: str
    port: int
    by: str

    def within(self, networks: Iterable[str]) -> bool:
        """Whether only this machine reaches it: at loopback, or an address of ``networks``."""
        host, _, card = self.address.partition("%")
        if card in _INNER:
            return True
        if host in ("*", ""):
            return False
        address = ipaddress.ip_address(host)
        return address.is_loopback or any(
            address in ipaddress.ip_network(network) for network in networks
        )

    def __str__(self) -> str:
        return f"{self.protocol} {self.address}:{self.port} {self.by}".rstrip()


# Netid, state, two queues, local address and port, peer's, processes. (ss(8), iproute2)
COMMAND = ("ss", "--no-header", "--numeric", "--tcp", "--udp", "--listening", "--processes")


def parse(shown: str) -> list[Listener]:
    """What ``COMMAND`` printed."""
    found = []
    for line in shown.splitlines():
        words = line.split(maxsplit=6)
        address, _, port = words[4].rpartition(":")
        by = words[6].strip() if len(words) > 6 else ""
        found.append(Listener(words[0], address.replace("[", "").replace("]", ""), int(port), by))
    return found


def unexpected(listeners: Iterable[Listener], meant: Collection[Port]) -> list[Listener]:
    """Of those that others can reach, what no port of ``meant`` accounts for."""
    known = {(port.protocol, port.port) for port in meant}
    return [one for one in listeners if (one.protocol, one.port) not in known]
