"""Which ports answer on the public address, and the commands that let clients through to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Port:
    """A public TCP port; ``name`` says what answers there."""

    number: int
    name: str


def of_clients(table: Mapping[str, Any]) -> tuple[Port, ...]:
    """The ports clients use, by number, of services.json's ``table``."""
    found = {
        row["port"]: row["name"]
        for row in table["ports"]
        if row["clients"] and row["protocol"] == "tcp"
    }
    for service in table["services"]:
        for probe in service["probes"]:
            if probe["port"] is not None:
                found[probe["port"]] = probe["name"]
    return tuple(Port(number, found[number]) for number in sorted(found))


def openstack_rules(ports: Iterable[Port]) -> list[str]:
    """Lines of a shell: rules of a security group of an OpenStack cloud."""
    return [
        "GROUP=aio CLIENTS=0.0.0.0/0    # who may come; your own network is better",
        'openstack security group create "$GROUP"',
        *(
            'openstack security group rule create --ingress --protocol tcp --remote-ip "$CLIENTS" '
            f'--dst-port {one.number} "$GROUP"    # {one.name}'
            for one in ports
        ),
    ]


def ec2_rules(ports: Iterable[Port]) -> list[str]:
    """The same for EC2 and clouds that speak its API."""
    return [
        "CLIENTS=0.0.0.0/0    # who may come; your own network is better",
        "GROUP=$(aws ec2 create-security-group --group-name aio --description 'OpenStack AIO'"
        " --query GroupId --output text)",
        *(
            'aws ec2 authorize-security-group-ingress --group-id "$GROUP" --protocol tcp '
            f'--cidr "$CLIENTS" --port {one.number}    # {one.name}'
            for one in ports
        ),
    ]
