"""An appliance whose services are in LXC containers: what is where, and what a build alone has.

The containers of a tree are what OpenStack-Ansible's inventory and /var/lib/lxc say; which service
is in which, ``homes.yaml``.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aio_image.appliance
from aio_image import deployers
from aio_image.appliance import roots
from aio_image.bake.osa import lxc_recovery, presets
from aio_image.bake.osa.files import inside, write
from aio_image.bake.osa.homes import homes_of
from aio_image.deployers.openstack_ansible.homes import homes
from aio_image.errors import BuildError

_INVENTORY = "etc/openstack_deploy/openstack_inventory.json"
# Of lxc-net, as the role lxc_hosts writes it.
_BRIDGE = "etc/default/lxc-net"
# What systemd gives each unit: how long it may take to start, for one.
_MANAGER = "etc/systemd/system.conf.d/50-aio.conf"
# What the appliance gives the broker's unit; the host has it, too.
_BROKER = "usr/lib/systemd/system/rabbitmq-server.service.d"
_FILES = Path(aio_image.appliance.__file__).parent / "files"
# Each container has a minute to stop in, one after the other; MariaDB needs some of it. The program
# that starts them is content when one does not come up, and leaves alone those that have.
_AUTOSTART = """\
[Service]
ExecStartPost=-/usr/libexec/lxc/lxc-containers start
TimeoutStopSec=15min
"""
# lxc's own for each container, and what OpenStack-Ansible makes new ones of.
_DELAY = re.compile(r"^lxc\.start\.delay *=.*$", re.MULTILINE)
# The journal that a build's machine-id names; each appliance's containers have other ones.
_JOURNAL = re.compile(r"^lxc\.mount\.entry *= */var/log/journal/.*\n", re.MULTILINE)


def place(given: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """``given``, extra variables of bake.yml, for the containers of the tree ``root``.

    Units become ``<container>/<unit>``, and APIs are asked at their container's address. Raises
    BuildError for a container that the inventory does not have.
    """
    there = homes_of(root)
    addresses = _addresses(root, there.values())
    facts = given["aio_facts"]

    def placed(service: str, unit: str) -> str:
        home = there.get(homes().of(service, unit) or "")
        return f"{home}/{unit}" if home else unit

    def row(service: Mapping[str, Any]) -> dict[str, Any]:
        name = service["name"]
        home = there.get(homes().first(name) or "")
        probes = service["probes"]
        if home:
            probes = [{**one, "url": _at(one["url"], addresses[home])} for one in probes]
        units = [placed(name, unit) for unit in service["units"]]
        storage = service["storage"]
        if storage is not None:
            users = [unit for unit in storage["users"] if placed(name, unit) == unit]
            # What a container keeps is below /openstack, wherever that is.
            storage = {**storage, "users": users} if users else None
        return {**service, "units": units, "probes": probes, "storage": storage}

    def told(part: Mapping[str, Any]) -> dict[str, Any]:
        units = {
            verb: [placed(part["service"], unit) for unit in part[verb]]
            for verb in ("restart", "reload")
            if verb in part
        }
        return {**part, **units}

    settle = given["aio_settle"]
    return {
        **presets.there(given, root),
        "aio_facts": {
            **facts,
            "inside": [*facts["inside"], _bridge(root)],
            "services": [row(service) for service in facts["services"]],
            "dormant": [row(service) for service in facts["dormant"]],
        },
        "aio_settle": {
            **settle,
            "public": [told(part) for part in settle["public"]],
            "hypervisor": [told(part) for part in settle["hypervisor"]],
            "overrides": {word: told(part) for word, part in settle["overrides"].items()},
        },
        "aio_recovery": {
            **given["aio_recovery"],
            "parts": lxc_recovery.place(_parts(facts), placed),
        },
    }


def _parts(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Rows of recovery.yaml for the services that are there, with the words that say whose."""
    names = {service["name"] for service in facts["services"]}
    rows = deployers.load("openstack-ansible").recovery
    return [row for row in rows if row["service"] in names]


def _addresses(root: Path, names: Any) -> dict[str, str]:
    inventory = json.loads(inside(root, _INVENTORY).read_text("utf-8"))
    known = inventory["_meta"]["hostvars"]
    if missing := sorted(set(names) - set(known)):
        raise BuildError(f"/{_INVENTORY}: has no {missing[0]}", hint="is it of this very build?")
    return {name: known[name]["ansible_host"] for name in names}


def _bridge(root: Path) -> str:
    """The network of the bridge by which containers reach their host and the way out."""
    path = root / _BRIDGE
    said = dict(line.split("=", 1) for line in path.read_text("utf-8").splitlines() if "=" in line)
    address, mask = (said[word].strip('"') for word in ("LXC_ADDR", "LXC_NETMASK"))
    return str(ipaddress.ip_interface(f"{address}/{mask}").network)


def _at(url: str, address: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{address}:{parts.port}"))


def adopt(root: Path) -> None:
    """Take out of the tree ``root`` what only a build has of containers; give them what a first
    boot needs. Does nothing to a tree without any.
    """
    if not roots.containers(root):
        return
    for path in homes().build:
        inside(root, path).unlink(missing_ok=True)
    write(root, "etc/systemd/system/lxc.service.d/50-aio.conf", _AUTOSTART)
    for config in [*root.glob("var/lib/lxc/*/config"), *root.glob("etc/lxc/*.conf")]:
        text = _JOURNAL.sub("", config.read_text("utf-8"))
        config.write_text(_DELAY.sub("lxc.start.delay = 0", text), encoding="utf-8")
    for place in roots.containers(root).values():
        write(root, f"{place}/{_MANAGER}", inside(root, _MANAGER).read_text("utf-8"))
    if (database := home(root, "galera")) is not None:
        _copy(database, "apply-database", "usr/lib/aio/apply-database", 0o755)
        dropins = "usr/lib/systemd/system/mariadb.service.d"
        _copy(database, "dropins/mariadb.conf", f"{dropins}/20-aio-database.conf", 0o644)
        (database / "var/lib/aio").mkdir(mode=0o755, parents=True, exist_ok=True)
    if (broker := home(root, "rabbit-mq")) is not None:
        for dropin in sorted(inside(root, _BROKER).glob("*-aio-*.conf")):
            write(broker, f"{_BROKER}/{dropin.name}", dropin.read_text("utf-8"))


def home(root: Path, name: str) -> Path | None:
    """The file system of the container that is called ``name``, where there is one."""
    full = homes_of(root).get(name)
    return inside(root, roots.containers(root)[full]) if full else None


def _copy(root: Path, name: str, target: str, mode: int) -> None:
    write(root, target, (_FILES / name).read_text("utf-8"), mode)
