"""Networks: agents, and a network with a subnet and a router made and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aio_image.health.client import CheckFailed, Cloud

_TYPE = "network"
# TEST-NET-2 (RFC 5737): nobody's own network.
_CIDR = "198.51.100.0/24"


def services(cloud: Cloud) -> str:
    """There are agents, and all of them are alive."""
    agents = cloud.get(_TYPE, "/v2.0/agents")["agents"]
    if not agents:
        raise CheckFailed(
            "neutron knows no agent: OVN's controller has not registered this host",
            "journalctl -u ovn-controller -u neutron-ovn-metadata-agent",
        )
    dead = [f"{one['agent_type']} on {one['host']}" for one in agents if not one["alive"]]
    if dead:
        raise CheckFailed(f"not alive: {', '.join(dead)}")
    return ", ".join(sorted({one["agent_type"] for one in agents}))


def lifecycle(cloud: Cloud) -> str:
    """A network, a subnet and a router between them are made, joined, parted and deleted."""
    with temporary_network(cloud, "network") as network:
        subnet = cloud.get(_TYPE, "/v2.0/subnets", params={"network_id": network})["subnets"][0]
        body = {"router": {"name": f"{cloud.target.run}-router"}}
        router = cloud.post(_TYPE, "/v2.0/routers", body)["router"]["id"]
        path = f"/v2.0/routers/{router}"
        with cloud.temporary(_TYPE, path, "the router"):
            port = {"subnet_id": subnet["id"]}
            cloud.put(_TYPE, f"{path}/add_router_interface", port)
            try:
                found = cloud.get(_TYPE, "/v2.0/ports", params={"device_id": router})["ports"]
                if not found:
                    raise CheckFailed("the router has no port on the subnet it was joined to")
            finally:
                cloud.put(_TYPE, f"{path}/remove_router_interface", port)
    return "network, subnet and router made and deleted"


@contextmanager
def temporary_network(cloud: Cloud, purpose: str) -> Iterator[str]:
    """A network with a subnet, gone when the block ends. Gives its id."""
    name = f"{cloud.target.run}-{purpose}"
    network = cloud.post(_TYPE, "/v2.0/networks", {"network": {"name": name}})["network"]["id"]
    with cloud.temporary(_TYPE, f"/v2.0/networks/{network}", "the network"):
        subnet = {"name": name, "network_id": network, "ip_version": 4, "cidr": _CIDR}
        cloud.post(_TYPE, "/v2.0/subnets", {"subnet": subnet})
        yield str(network)
