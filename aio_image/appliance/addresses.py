"""Which address the appliance is reached by, asked of the kernel without a child process."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from .config import Config
from .problems import ApplianceProblem

_SIOCGIFADDR = 0x8915  # linux/sockios.h
_RTF_UP = 0x1
_GLOBAL_SCOPE = "00"  # of /proc/net/if_inet6: include/net/ipv6.h, IPV6_ADDR_ANY means global here


@dataclass(frozen=True)
class PublicHost:
    """``address`` clients reach; ``host`` is the name endpoints spell (FQDN, else address).

    ``others`` are further addresses the certificate covers. ``warning`` is empty, or says why
    this is a guess.
    """

    address: str
    host: str
    others: tuple[str, ...]
    warning: str = ""

    @property
    def in_url(self) -> str:
        """``host`` as a URL spells it: IPv6 addresses in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


def find(config: Config, proc: Path = Path("/proc")) -> PublicHost:
    """Config's address, else the default route's, else the first global one, else 127.0.0.1.

    Raises ApplianceProblem when ``public_interface`` names one that is absent or has no address.
    """
    by_interface = interface_addresses(proc)
    usable = [one for found in by_interface.values() for one in found]
    address, warning = config.public_address, ""
    if address is None and config.public_interface is not None:
        found = by_interface.get(config.public_interface, [])
        if not found:
            there = ", ".join(f"{name} ({', '.join(a)})" for name, a in by_interface.items())
            raise ApplianceProblem(
                f"public_interface {config.public_interface} has no address",
                hint=f"interfaces with an address: {there or 'none'}; correct /etc/aio/config.yaml",
            )
        address = found[0]
    if address is None:
        routed = by_interface.get(default_interface(proc) or "", [])
        address = next(iter(routed or usable), None)
    if address is None:
        address = "127.0.0.1"
        warning = "no interface has an address: the cloud answers on 127.0.0.1 only"
    others = tuple(one for one in usable if one != address)
    return PublicHost(address, config.fqdn or address, others, warning)


def default_interface(proc: Path = Path("/proc")) -> str | None:
    """The interface of the default route with the lowest metric, IPv4 before IPv6."""
    best: tuple[int, str] | None = None
    for line in _lines(proc / "net/route")[1:]:
        words = line.split()
        if len(words) < 8 or words[1] != "00000000" or words[7] != "00000000":
            continue
        if int(words[3], 16) & _RTF_UP and (best is None or int(words[6]) < best[0]):
            best = (int(words[6]), words[0])
    if best is None:
        for line in _lines(proc / "net/ipv6_route"):
            words = line.split()
            if len(words) < 10 or words[0] != "0" * 32 or words[1] != "00" or words[9] == "lo":
                continue
            metric = int(words[5], 16)
            if int(words[8], 16) & _RTF_UP and (best is None or metric < best[0]):
                best = (metric, words[9])
    return best[1] if best else None


def interface_addresses(proc: Path = Path("/proc")) -> dict[str, list[str]]:
    """Interface → its global addresses, IPv4 first. Loopback and link-local ones are left out."""
    found: dict[str, list[str]] = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode())
            try:
                reply = fcntl.ioctl(asked.fileno(), _SIOCGIFADDR, request)
            except OSError:
                continue  # has no IPv4 address
            address = ipaddress.IPv4Address(reply[20:24])
            if not (address.is_loopback or address.is_link_local):
                found.setdefault(name, []).append(str(address))
    for line in _lines(proc / "net/if_inet6"):
        digits, _, _, scope, _, name = line.split()
        v6 = ipaddress.IPv6Address(int(digits, 16))
        if scope == _GLOBAL_SCOPE and not v6.is_link_local:
            found.setdefault(name, []).append(str(v6))
    return found


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("ascii").splitlines()
    except FileNotFoundError:
        return []  # a kernel without IPv6
