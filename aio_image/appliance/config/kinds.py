"""What one word of the configuration may look like, and what is made of it.

A kind has a pattern, which the JSON Schema has as well, and where that is not enough a function
that makes the value and knows the rest. ValueError says what is wrong and how to mend it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_OCTET = r"(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_IPV4 = rf"{_OCTET}(\.{_OCTET}){{3}}"
_IPV6 = r"[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*"
_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = rf"{_LABEL}(\.{_LABEL})*"

# Regular expressions that Python and JavaScript (JSON Schema) read alike; the whole value matches.
PATTERNS = {
    "address": rf"{_IPV4}|{_IPV6}",
    "own address": rf"dhcp|({_IPV4})/([0-9]|[12][0-9]|3[0-2])|{_IPV6}/[0-9]{{1,3}}",
    "name": _NAME,
    "interface": r"[^\s/:%]{1,15}",
    "proxy": rf"https?://({_NAME}|\[{_IPV6}\])(:[0-9]{{1,5}})?/?",
    "destination": rf"\*|\*?\.?{_NAME}(/[0-9]{{1,2}})?|{_IPV6}(/[0-9]{{1,3}})?",
    "device": r"(/dev/)?[A-Za-z0-9][A-Za-z0-9_.:+=@-]*(/[A-Za-z0-9_][A-Za-z0-9_.:+=@-]*)*",
    "filesystem": "ext4|xfs",
    "size": r"[0-9]{1,6} ?[GT]i?",
}
_WANTED = {
    "address": "an IP address",
    "own address": "dhcp, or an address with its prefix length such as 192.0.2.10/24",
    "name": "a host name such as cloud.example.org",
    "interface": "an interface name such as ens3",
    "proxy": "a proxy such as http://proxy.example.org:3128",
    "destination": "a host, a domain (.example.org) or a network (10.0.0.0/8)",
    "device": "a disk such as /dev/sdb or /dev/disk/by-id/...",
    "filesystem": "a file system of the data disk; ext4 or xfs",
    "size": "a size; write a whole number with its unit, as 40G (G is 2^30 bytes, T 2^40)",
}
# YAML 1.1's words, whether they are in quotes or not.
YES = ("yes", "true", "on")
NO = ("no", "false", "off")
SMALLEST = 1 << 30
BIGGEST = 64 << 40


def read_as(kind: str, text: str) -> Any:
    """The value of ``text``. Raises ValueError."""
    if kind == "yes or no":
        return yes_or_no(text)
    if not re.fullmatch(PATTERNS[kind], text):
        raise ValueError(_mismatch(kind, text))
    return _MAKERS[kind](text) if kind in _MAKERS else text


def yes_or_no(text: str) -> bool:
    if text.lower() not in YES + NO:
        raise ValueError(f"{_short(text)} is neither yes nor no")
    return text.lower() in YES


def _mismatch(kind: str, text: str) -> str:
    if kind == "proxy":
        # Not repeated: a password may be in it.
        if "@" in text:
            return (
                "may not hold a user or a password, for every user of the appliance can read it; "
                "let the proxy know the appliance by its address"
            )
        return f"is not {_WANTED[kind]}"
    cure = ""
    if kind == "address":
        if re.fullmatch(rf"({_IPV4}|{_IPV6})/[0-9]+", text):
            cure = "; write it without the prefix length"
        elif re.fullmatch(_NAME, text) and not re.fullmatch("[0-9.]+", text):
            cure = "; a name belongs in fqdn"
    elif kind == "own address" and re.fullmatch(rf"{_IPV4}|{_IPV6}", text):
        cure = f", as {text}/{64 if ':' in text else 24}"
    return f"{_short(text)} is not {_WANTED[kind]}{cure}"


def _address(text: str) -> str:
    import ipaddress  # noqa: PLC0415 - not needed on most boots, and first boots count

    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(_mismatch("address", text)) from None
    if address.is_unspecified or address.is_multicast:
        raise ValueError(f"{text} is nobody's own address")
    return str(address)


def _own_address(text: str) -> str | None:
    if text == "dhcp":
        return None
    import ipaddress  # noqa: PLC0415

    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        raise ValueError(_mismatch("own address", text)) from None
    address, network = interface.ip, interface.network
    if address.is_unspecified or address.is_multicast or address.is_loopback:
        raise ValueError(f"{text} is nobody's own address")
    whole = network.max_prefixlen - network.prefixlen < 2
    if network.prefixlen == 0:
        raise ValueError(f"{text} takes the whole world for its own network; mend the prefix")
    if not whole and address == network.network_address:
        raise ValueError(f"{text} is its network's own address; choose one inside {network}")
    if not whole and address.version == 4 and address == network.broadcast_address:
        raise ValueError(f"{text} is the broadcast address of {network}; choose one inside it")
    return str(interface)


def _name(text: str) -> str:
    if len(text) > 253:
        raise ValueError("is longer than a host name can be (253 characters)")
    if re.fullmatch(r"[0-9.]+", text):
        raise ValueError(f"{_short(text)} is an address or a number, not a host name")
    return text


def _interface(text: str) -> str:
    if text in (".", "..") or "\0" in text:
        raise ValueError(_mismatch("interface", text))
    return text


def _device(text: str) -> str:
    if "/.." in text:
        raise ValueError(_mismatch("device", text))
    # OpenStack-Ansible names disks without /dev/.
    return text if text.startswith("/dev/") else f"/dev/{text}"


def _proxy(text: str) -> str:
    _, _, port = text.rstrip("/").rpartition(":")
    if port.isdigit() and not 0 < int(port) < 65536:
        raise ValueError(f"port {port} is not between 1 and 65535")
    return text.rstrip("/")


def _destination(text: str) -> str:
    if ":" in text or re.fullmatch(r"[0-9./]+", text) or "/" in text:
        import ipaddress  # noqa: PLC0415

        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError(_mismatch("destination", text)) from None
    return text


def _size(text: str) -> int:
    number, unit = text.rstrip("i")[:-1], text.rstrip("i")[-1]
    size = int(number) << {"G": 30, "T": 40}[unit]
    if not SMALLEST <= size <= BIGGEST:
        raise ValueError(f"{text} is not between 1G and 64T")
    return size


_MAKERS: dict[str, Callable[[str], Any]] = {
    "address": _address,
    "own address": _own_address,
    "name": _name,
    "interface": _interface,
    "device": _device,
    "proxy": _proxy,
    "destination": _destination,
    "size": _size,
}


def _short(text: str) -> str:
    """``text`` in quotes; not where it has blanks or is long, for then a quotation mark may have
    run away with the lines that follow, and a secret is among them.
    """
    return repr(text) if len(text) <= 60 and len(text.split()) == 1 else "what stands here"
