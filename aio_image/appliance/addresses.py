"""Which address the appliance is reached by, asked of the kernel without a child process."""

from __future__ import annotations

import fcntl
import ipaddress
import socket
import struct
from dataclasses import dataclass
from pathlib import Path

from .config import Config

_SIOCGIFADDR = 0x8915  # linux/sockios.h
_RTF_UP = 0x1
_GLOBAL_SCOPE = "00"  # of /proc/net/if_inet6: include/net/ipv6.h, IPV6_ADDR_ANY means global here
_ETHERNET = "1"  # linux/if_arp.h
HOME = "127.0.0.1"
NO_CABLE = "no cable is connected"


@dataclass(frozen=True)
class PublicHost:
    """``address`` clients reach; ``host`` is the name endpoints spell (FQDN, else address).

    ``others`` are further addresses the certificate covers, ``interface`` is where the address was
    found ("" when it was told). ``warning`` is empty, or says why this is a guess.
    """

    address: str
    host: str
    others: tuple[str, ...]
    interface: str = ""
    warning: str = ""

    @property
    def in_url(self) -> str:
        """``host`` as a URL spells it: IPv6 addresses in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host


@dataclass(frozen=True)
class Machine:
    """What the kernel is asked: tests give it folders of their own."""

    proc: Path = Path("/proc")
    net: Path = Path("/sys/class/net")


class NoAddress(Exception):
    """There is a network card, or one was named, and it has no address (yet)."""

    def __init__(self, interface: str, why: str) -> None:
        super().__init__(f"{interface}: {why}")
        self.interface, self.why = interface, why


def find(config: Config, machine: Machine | None = None, prefer: str = "") -> PublicHost:
    """The address asked for, else that of the interface asked for, else of the default route's.

    ``prefer`` is the interface an earlier boot found its address on: as long as there is such a
    card, the default route does not matter. A machine without any card is reached at 127.0.0.1.
    Raises NoAddress.
    """
    machine = machine or Machine()
    by_interface = interface_addresses(machine)
    there = cards(machine)
    told = config.public_address
    if told is None and config.network is not None and config.network.address is not None:
        told = config.network.address.partition("/")[0]
    wanted = config.public_interface or (prefer if prefer in there else "")
    wanted = wanted or default_interface(machine) or ""
    if told is None and not by_interface.get(wanted):
        # The first card with an address will do, unless one was named.
        has_one = [] if config.public_interface else [one for one in there if by_interface.get(one)]
        if prefer and prefer in there:
            has_one = []
        if not has_one and (there or config.public_interface):
            interface = config.public_interface or (wanted if wanted in there else there[0])
            raise NoAddress(interface, _why(interface, machine))
        wanted = has_one[0] if has_one else ""
    address = told or next(iter(by_interface.get(wanted, [])), HOME)
    shown = [name for name in by_interface if name in there or name == wanted]
    others = tuple(one for name in shown for one in by_interface[name] if one != address)
    warning = ""
    if told is None and not wanted:
        warning = f"there is no network card: the cloud answers on {HOME} only"
    interface = "" if told else wanted
    return PublicHost(address, config.fqdn or address, others, interface, warning)


def cards(machine: Machine | None = None) -> list[str]:
    """Ethernet interfaces that lead outside, by name: hardware, or one end of a pair or a VLAN.

    Bridges, taps, what Open vSwitch makes, and pairs with both ends here are the cloud's own.
    """
    places = sorted((machine or Machine()).net.glob("*"))
    links = {_word(place / "ifindex"): _word(place / "iflink") for place in places}
    found = []
    for place in places:
        if place.name == "lo" or _word(place / "type") != _ETHERNET:
            continue
        index, link = _word(place / "ifindex"), _word(place / "iflink")
        outside = link not in (index, "") and links.get(link) != index
        if (place / "device").exists() or outside:
            found.append(place.name)
    return found


def _why(interface: str, machine: Machine) -> str:
    if not (machine.net / interface).exists():
        names = ", ".join(cards(machine)) or "none"
        return f"there is no such interface (there are: {names})"
    # An interface that is not up has no carrier to read.
    if _word(machine.net / interface / "carrier") != "1":
        return NO_CABLE
    return "DHCP has not answered"


def default_interface(machine: Machine | None = None) -> str | None:
    """The interface of the default route with the lowest metric, IPv4 before IPv6."""
    proc = (machine or Machine()).proc
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


def interface_addresses(machine: Machine | None = None) -> dict[str, list[str]]:
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
    for line in _lines((machine or Machine()).proc / "net/if_inet6"):
        digits, _, _, scope, _, name = line.split()
        v6 = ipaddress.IPv6Address(int(digits, 16))
        if scope == _GLOBAL_SCOPE and not v6.is_link_local:
            found.setdefault(name, []).append(str(v6))
    return found


def _word(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return ""


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("ascii").splitlines()
    except FileNotFoundError:
        return []  # a kernel without IPv6
