"""From the table of what was asked to the Config, with what only several keys together tell."""

from __future__ import annotations

from .document import Document
from .model import Config, DataDisk, Network, Proxy, Storage
from .nodes import Problems


def build(asked: Document, problems: Problems) -> Config:
    """The Config. What contradicts itself is added to ``problems``."""
    return Config(
        public_address=asked.get("public_address"),
        fqdn=asked.get("fqdn"),
        public_interface=asked.get("public_interface"),
        network=_network(asked, problems),
        proxy=_proxy(asked, problems),
        data_disk=_data_disk(asked, problems),
        storage=Storage(
            cinder=asked.get("storage.cinder"),
            nova=asked.get("storage.nova"),
            swift=asked.get("storage.swift"),
        ),
        secrets=asked.secrets,
        spent=asked.spent,
        user_variables=asked.variables,
        force=asked.get("force", False),
        notes=asked.notes,
    )


def _network(asked: Document, problems: Problems) -> Network | None:
    if "network" not in asked.asked:
        return None
    network = Network(
        address=asked.get("network.address"),
        gateway=asked.get("network.gateway"),
        default_route=asked.get("network.default_route", True),
        nameservers=asked.get("network.nameservers", ()),
        search=asked.get("network.search", ()),
    )
    wrong = _wrong_route(asked, network)
    if wrong:
        at = asked.asked.get("network.gateway") or asked.asked["network.address"]
        problems.add(at.line, "network.gateway", wrong)
    return network


def _wrong_route(asked: Document, network: Network) -> str | None:
    if not asked.said("network.gateway"):
        if network.address and network.default_route:
            return "is missing; name the router, or say `default_route: no`"
        return None
    if not network.default_route:
        return "contradicts `default_route: no`; keep one of them"
    if not asked.said("network.address") or asked.asked["network.address"].value is None:
        return "goes with a fixed address; with DHCP the gateway it offers is taken"
    if network.gateway and network.address:
        return _beyond(network.address, network.gateway)
    return None  # one of them is wrong by itself, which has been said


def _beyond(address: str, gateway: str) -> str | None:
    """Why ``gateway`` cannot be reached from ``address`` with its prefix; None when it can."""
    import ipaddress  # noqa: PLC0415

    own, router = ipaddress.ip_interface(address), ipaddress.ip_address(gateway)
    if own.version != router.version:
        return f"{gateway} is not of the same kind as {address}"
    if own.ip == router:
        return f"{gateway} is the appliance's own address; name the router's"
    # A network of one address has its router outside; fe80:: is on every link.
    if router in own.network or own.network.num_addresses == 1 or router.is_link_local:
        return None
    return f"{gateway} is not in {own.network}; mend it or the prefix of network.address"


def _proxy(asked: Document, problems: Problems) -> Proxy | None:
    if "proxy" not in asked.asked:
        return None
    if not asked.said("proxy.http") and not asked.said("proxy.https"):
        problems.add(asked.asked["proxy"].line, "proxy", "names no proxy; give http, https or both")
    return Proxy(
        http=asked.get("proxy.http"),
        https=asked.get("proxy.https"),
        without=asked.get("proxy.without", ()),
    )


def _data_disk(asked: Document, problems: Problems) -> DataDisk | None:
    if "data_disk" not in asked.asked:
        return None
    if not asked.said("data_disk.device"):
        problems.add(
            asked.asked["data_disk"].line,
            "data_disk.device",
            "is missing; name the disk, as /dev/sdb",
        )
    return DataDisk(
        device=asked.get("data_disk.device", ""),
        filesystem=asked.get("data_disk.filesystem", "ext4"),
        wipe=asked.get("data_disk.wipe", False),
    )
