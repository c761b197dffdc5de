"""network-config (cloud-init's version 2): made of a configuration, or found right or wrong.

With it the appliance has its address from the first second of a boot; config.yaml is read later.
The shape is that of cloud-init's own schema-network-config-v1/v2.json, narrowed to what its
networkd renderer does (cloudinit/net/networkd.py).
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Any

from aio_image.appliance.config import Config
from aio_image.boot.seed.files import dump
from aio_image.profile.document import Node, parse_document
from aio_image.profile.problems import Problem, meant


def dhcp_of(mac: str) -> str:
    """The network card ``mac`` asks for its address by DHCP."""
    ethernets = {"public": {"match": {"macaddress": mac}, "dhcp4": True}}
    return dump({"version": 2, "ethernets": ethernets})


def network_of(config: Config) -> str:
    """What ``config`` says of the network; empty where it says nothing, or not which interface.

    cloud-init finds an interface by its name here: its networkd renderer knows no patterns.
    """
    wanted, name = config.network, config.public_interface
    if wanted is None or name is None:
        return ""
    device: dict[str, Any] = {"dhcp4": wanted.address is None}
    if wanted.address is None:
        overrides: dict[str, Any] = {}
        if not wanted.default_route:
            overrides["use-routes"] = False
        if wanted.nameservers:
            overrides["use-dns"] = False
        if overrides:
            device["dhcp4-overrides"] = overrides
    else:
        device["addresses"] = [wanted.address]
        if wanted.gateway:
            device |= _route(wanted.address, wanted.gateway)
    if wanted.nameservers:  # cloud-init skips a device that has search domains alone
        device["nameservers"] = {"addresses": list(wanted.nameservers)}
        if wanted.search:
            device["nameservers"]["search"] = list(wanted.search)
    return dump({"version": 2, "ethernets": {name: device}})


def _route(address: str, gateway: str) -> dict[str, Any]:
    six = ":" in gateway
    if ipaddress.ip_address(gateway) in ipaddress.ip_interface(address).network:
        return {"routes": [{"to": "::/0" if six else "0.0.0.0/0", "via": gateway}]}
    # Only this form makes cloud-init say that the router is on the link although outside.
    return {"gateway6" if six else "gateway4": gateway}


_YES_NO = ("dhcp4", "dhcp6", "optional", "accept-ra", "wakeonlan")
_ANY = {
    *_YES_NO, "dhcp4-overrides", "dhcp6-overrides", "addresses", "gateway4", "gateway6", "mtu",
    "nameservers", "routes", "renderer",
}  # fmt: skip
# Kind of device: the keys it has beside those of any.
_KINDS = {
    "ethernets": {"match", "set-name"},
    "bonds": {"interfaces", "parameters"},
    "bridges": {"interfaces", "parameters"},
    "vlans": {"id", "link"},
}
_MATCH = {"name", "macaddress", "driver"}
_TYPES = ("physical", "bond", "bridge", "vlan", "nameserver", "route", "loopback", "infiniband")


def wrong_with(text: str, name: str) -> list[str]:
    """Every problem of the network-config ``text``, as ``name:line: key: what is wrong``."""
    document = parse_document(text, Path(name), name)
    check = _Check(list(document.problems))
    if not check.problems:
        check.file(document.root)
    return [str(one) for one in sorted(check.problems)]


class _Check:
    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems

    def wrong(self, node: Node, key: str, message: str) -> None:
        self.problems.append(Problem(node.origin, key, message))

    def file(self, root: Node) -> None:
        held = self._mapping(root, "")
        if set(held) == {"network"}:
            root = held["network"]
            held = self._mapping(root, "network")
        version = held["version"].value if "version" in held else None
        if version not in (1, 2):
            self.wrong(held.get("version", root), "version", "must be 2 (or 1)")
        elif version == 1:
            self._first(root, held)
        else:
            self._second(root, held)

    def _first(self, root: Node, held: dict[str, Node]) -> None:
        rows = held.get("config", root)
        if not isinstance(rows.value, list):
            self.wrong(rows, "config", "must be a list of devices")
            return
        for number, row in enumerate(rows.value):
            key = f"config[{number}]"
            kind = self._mapping(row, key).get("type", row).value
            if kind not in _TYPES:
                self.wrong(row, f"{key}.type", f"must be one of: {', '.join(_TYPES)}")

    def _second(self, root: Node, held: dict[str, Node]) -> None:
        known = {*_KINDS, "version", "renderer"}
        self._known(held, "", known)
        if not any(kind in held for kind in _KINDS):
            self.wrong(root, "", "names no device; it needs `ethernets`")
        for kind, own in _KINDS.items():
            for name, device in self._mapping(held.get(kind), kind).items():
                self._device(device, f"{kind}.{name}", _ANY | own)

    def _device(self, device: Node, key: str, known: set[str]) -> None:
        held = self._mapping(device, key)
        self._known(held, key, known)
        for name in _YES_NO:
            if name in held and held[name].value not in (True, False, "yes", "no"):
                self.wrong(held[name], f"{key}.{name}", "must be true or false")
        if "mtu" in held and not isinstance(held["mtu"].value, int):
            self.wrong(held["mtu"], f"{key}.mtu", "must be a whole number")
        for item in self._list(held.get("addresses"), f"{key}.addresses"):
            self._address(item, f"{key}.addresses", prefix=True)
        for name in ("gateway4", "gateway6"):
            if name in held:
                self._address(held[name], f"{key}.{name}")
        self._known(self._mapping(held.get("match"), f"{key}.match"), f"{key}.match", _MATCH)
        servers = self._mapping(held.get("nameservers"), f"{key}.nameservers")
        self._known(servers, f"{key}.nameservers", {"addresses", "search"})
        for item in self._list(servers.get("addresses"), f"{key}.nameservers.addresses"):
            self._address(item, f"{key}.nameservers.addresses")
        if self._list(servers.get("search"), f"{key}.nameservers.search") and (
            "addresses" not in servers
        ):
            cure = "has no `addresses` beside it, and cloud-init then skips the whole device"
            self.wrong(servers["search"], f"{key}.nameservers.search", cure)
        for number, route in enumerate(self._list(held.get("routes"), f"{key}.routes")):
            self._route(route, f"{key}.routes[{number}]")

    def _route(self, route: Node, key: str) -> None:
        held = self._mapping(route, key)
        self._known(held, key, {"to", "via", "metric"})
        if "to" not in held:
            self.wrong(route, key, "has no `to`; the default route is to 0.0.0.0/0")
        elif held["to"].value == "default":
            cure = "write 0.0.0.0/0 (or ::/0): cloud-init's networkd takes networks only"
            self.wrong(held["to"], f"{key}.to", cure)
        else:
            self._address(held["to"], f"{key}.to", prefix=True)
        if "via" in held:
            self._address(held["via"], f"{key}.via")

    def _address(self, node: Node, key: str, *, prefix: bool = False) -> None:
        text = node.value if isinstance(node.value, str) else ""
        right = prefix == bool(re.search("/[0-9]+$", text))
        try:
            ipaddress.ip_interface(text)
        except ValueError:
            right = False
        if not right:
            example = "192.0.2.10/24" if prefix else "192.0.2.10"
            self.wrong(node, key, f"must be an address such as {example}, not {node.plain()!r}")

    def _known(self, held: dict[str, Node], key: str, known: set[str]) -> None:
        for name, node in held.items():
            if name not in known:
                dotted = f"{key}.{name}".lstrip(".")
                self.wrong(node, dotted, f"unknown key{meant(name, sorted(known))}")

    def _mapping(self, node: Node | None, key: str) -> dict[str, Node]:
        if node is None:
            return {}
        if not isinstance(node.value, dict):
            self.wrong(node, key, "must be a mapping of `key: value` lines")
            return {}
        return node.value

    def _list(self, node: Node | None, key: str) -> list[Node]:
        if node is None:
            return []
        if not isinstance(node.value, list):
            self.wrong(node, key, "must be a list: [one, two]")
            return []
        return node.value
