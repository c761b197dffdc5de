"""What listens in a booted copy where others can reach it, and whether it is meant to."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from aio_image.deployers import Port


@dataclass(frozen=True)
class Listener:
    """A socket that takes what comes; ``by`` names its processes as ``ss`` does."""

    protocol: str
    address: str
    port: int
    by: str

    @property
    def inside(self) -> bool:
        """Whether only this machine reaches it."""
        host = self.address.partition("%")
        if host[2] == "lo":
            return True
        return host[0] not in ("*", "") and ipaddress.ip_address(host[0]).is_loopback

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
    """Those that others can reach and that no port of ``meant`` accounts for."""
    known = {(port.protocol, port.port) for port in meant}
    return [one for one in listeners if not one.inside and (one.protocol, one.port) not in known]
