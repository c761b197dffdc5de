"""The words of ``/etc/aio/config.yaml``: one table, which the reader and the JSON Schema share.

``kind`` says what a value looks like (``kinds.py``); ``list of KIND`` takes one such word, too. A
section holds the keys that start with its name and a dot.
"""

from __future__ import annotations

from typing import NamedTuple

SECTION = "section"
LIST = "list of "


class Key(NamedTuple):
    """One key: ``name`` dotted, ``says`` for people, ``without`` what holds when it is absent."""

    name: str
    kind: str
    says: str
    without: str
    example: str = ""


TABLE = (
    Key(
        "public_address",
        "address",
        "The address clients use. It may be that of a NAT in front of the appliance.",
        "the address of public_interface, else that of the default route's interface, else the "
        "first there is",
        "192.0.2.10",
    ),
    Key(
        "fqdn",
        "name",
        "The name endpoints and the certificate carry; clients must resolve it to the address.",
        "endpoints carry the address",
        "cloud.example.org",
    ),
    Key(
        "public_interface",
        "interface",
        "The interface clients come in by: its address is taken, and `network` is about it.",
        "the default route's interface",
        "ens3",
    ),
    Key(
        "network",
        SECTION,
        "How the public interface gets its address.",
        "as cloud-init's network-config says, else DHCP",
    ),
    Key(
        "network.address",
        "own address",
        "`dhcp`, or a fixed address with its prefix length.",
        "dhcp",
        "192.0.2.10/24",
    ),
    Key(
        "network.gateway",
        "address",
        "The router of a fixed address.",
        "needed with a fixed address, unless `default_route: no`",
        "192.0.2.1",
    ),
    Key(
        "network.default_route",
        "yes or no",
        "no: there is no way out but to the networks the appliance is in (limited connectivity).",
        "yes",
        "no",
    ),
    Key(
        "network.nameservers",
        LIST + "address",
        "DNS servers.",
        "those DHCP offers, if any",
        "[192.0.2.53]",
    ),
    Key(
        "network.search",
        LIST + "name",
        "Domains in which short names are looked up.",
        "those DHCP offers, if any",
        "[example.org]",
    ),
    Key(
        "proxy",
        SECTION,
        "How the appliance's programs reach the web.",
        "directly",
    ),
    Key("proxy.http", "proxy", "The proxy for http.", "none", "http://proxy.example.org:3128"),
    Key("proxy.https", "proxy", "The proxy for https.", "none", "http://proxy.example.org:3128"),
    Key(
        "proxy.without",
        LIST + "destination",
        "Hosts, domains and networks that are reached directly. The appliance itself always is.",
        "the appliance itself",
        "[.example.org, 10.0.0.0/8]",
    ),
    Key(
        "data_disk",
        SECTION,
        "A second disk for the cloud's data; it is mounted at /openstack.",
        "/openstack is a folder of the root disk",
    ),
    Key(
        "data_disk.device",
        "device",
        "The whole disk. A name under /dev/disk/by-id stays the same when disks are added.",
        "needed",
        "/dev/sdb",
    ),
    Key("data_disk.filesystem", "filesystem", "What it is formatted with.", "ext4", "xfs"),
    Key(
        "data_disk.wipe",
        "yes or no",
        "yes: whatever is on this disk is lost. Otherwise a disk with anything on it is refused.",
        "no",
        "yes",
    ),
    Key(
        "storage",
        SECTION,
        "How big the files are in which services keep their data, under /openstack.",
        "as they suit the disk",
    ),
    Key("storage.cinder", "size", "Space for volumes.", "half of what is free", "40G"),
    Key("storage.nova", "size", "Space for instances' disks.", "what their disk has", "40G"),
    Key(
        "storage.swift",
        "size",
        "Space of each of swift's three disks, where the cloud has swift.",
        "the deployer's",
        "10G",
    ),
    Key(
        "secrets",
        "secrets",
        "Secrets chosen instead of drawn, by OpenStack-Ansible's names: a value, or {file: PATH}. "
        "Both are removed once they are taken over.",
        "every secret is drawn",
        "{keystone_auth_admin_password: {file: /root/admin-password}}",
    ),
    Key(
        "user_variables",
        "variables",
        "OpenStack-Ansible's variables, by its names.",
        "none",
        "{nova_nova_conf_overrides: {DEFAULT: {cpu_allocation_ratio: 4.0}}}",
    ),
    Key(
        "bootstrap_opts",
        "bootstrap options",
        "OpenStack-Ansible's BOOTSTRAP_OPTS, as they stand in its own documentation.",
        "none",
        "bootstrap_host_data_disk_device=sdb bootstrap_host_data_disk_fs_type=xfs",
    ),
    Key(
        "force",
        "yes or no",
        "yes: begin although the machine has less than the cloud needs.",
        "no",
        "yes",
    ),
)
BY_NAME = {key.name: key for key in TABLE}
# The keys of the file itself.
KEYS = tuple(key.name for key in TABLE if "." not in key.name)


def inside(section: str) -> tuple[str, ...]:
    """The keys of ``section``, without its name."""
    return tuple(key.name.partition(".")[2] for key in TABLE if key.name.startswith(f"{section}."))
