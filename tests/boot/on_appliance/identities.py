"""Runs on an appliance, as root: everything that no two appliances may have in common.

Prints one JSON object: what it is → SHA-256 of its value (a secret itself never leaves), None where
this appliance has no such thing. Standard library and PyYAML.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import yaml

FOUND: dict[str, str | None] = {}


def note(name: str, value: str | bytes | None) -> None:
    data = value.encode() if isinstance(value, str) else value
    data = data.strip() if data else None
    FOUND[name] = hashlib.sha256(data).hexdigest() if data else None


def content(name: str, pattern: str) -> None:
    """Every file ``pattern`` matches, by its path; the pattern itself where there is none."""
    paths = [path for path in sorted(Path("/").glob(pattern[1:])) if path.is_file()]
    for path in paths:
        note(f"{name} {path}", path.read_bytes())
    if not paths:
        note(f"{name} {pattern}", None)


def told(name: str, *command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=60)
    except FileNotFoundError:
        note(name, None)
        return
    note(name, done.stdout if done.returncode == 0 else None)


def query(name: str, text: str) -> None:
    """Every row of a query of MariaDB: its first column is what it is."""
    done = subprocess.run(
        ["mariadb", "--batch", "--skip-column-names", "--execute", text],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    for line in done.stdout.splitlines():
        what, _, value = line.partition("\t")
        note(f"{name} {what}", value)
    if not done.stdout:
        note(name, None)


def certificates() -> None:
    for path in sorted(Path("/etc/aio/pki").glob("*.pem")):
        if "BEGIN CERTIFICATE" in path.read_text(encoding="ascii"):
            read = ("openssl", "x509", "-in", str(path), "-noout")
            told(f"serial of {path}", *read, "-serial")
            told(f"public key of {path}", *read, "-pubkey")


def private_keys() -> None:
    """Whatever else spells a private key on this disk."""
    listed = subprocess.run(
        ["grep", "-rlsI", "--devices=skip", "--", "-----BEGIN .*PRIVATE " + "KEY-----",
         "/etc", "/var/lib", "/root", "/home", "/srv"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    for path in sorted(listed.stdout.splitlines()):
        # Horizon's scripts and packages' templates speak of keys and hold none.
        if not re.match(r"/var/lib/(dpkg|openstack-dashboard/static)/", path):
            content("private key", path)


def main() -> None:
    secrets = Path("/etc/openstack_deploy/user_secrets.yml").read_text(encoding="utf-8")
    for name, value in yaml.safe_load(secrets).items():
        note(f"secret {name}", str(value))
    content("fernet key", "/etc/keystone/fernet-keys/*")
    content("credential key", "/etc/keystone/credential-keys/*")
    content("pki", "/etc/aio/pki/*")
    certificates()
    content("ssh host key", "/etc/ssh/ssh_host_*_key")
    content("ssh host key, public", "/etc/ssh/ssh_host_*_key.pub")
    private_keys()
    content("machine-id", "/etc/machine-id")
    content("D-Bus id", "/var/lib/dbus/machine-id")
    content("random seed", "/var/lib/systemd/random-seed")
    content("credential secret", "/var/lib/systemd/credential.secret")
    content("rabbitmq cookie", "/var/lib/rabbitmq/.erlang.cookie")
    content("horizon secret key", "/var/lib/openstack-dashboard/secret-key/*")
    told("horizon SECRET_KEY", "sh", "-c",
         "grep -rhsE '^ *SECRET_KEY *=' /etc/openstack-dashboard | grep -v from_file")  # fmt: skip
    content("initiator IQN", "/etc/iscsi/initiatorname.iscsi")
    content("NVMe host", "/etc/nvme/host*")
    content("compute_id", "/var/lib/nova/compute_id")
    ovs = ("ovs-vsctl", "--timeout=10", "--if-exists", "get", "Open_vSwitch", ".")
    told("OVS system-id", *ovs, "external-ids:system-id")
    for bridge in ("br-int", "br-ex"):
        told(f"hardware address of {bridge}", "cat", f"/sys/class/net/{bridge}/address")
    southbound = ("ovn-sbctl", "--timeout=10", "--bare")
    told("OVN chassis name", *southbound, "--columns=name", "list", "Chassis")
    told("OVN chassis row", *southbound, "--columns=_uuid", "list", "Chassis")
    query(
        "MariaDB account",
        "SELECT CONCAT(User, '@', Host), authentication_string FROM mysql.user"
        " WHERE authentication_string NOT IN ('', 'invalid')",
    )
    query("MariaDB server", "SELECT 'uid', @@server_uid")
    query(
        "keystone password",
        "SELECT CONCAT(l.name, ' ', p.id), p.password_hash FROM keystone.password p"
        " JOIN keystone.local_user l ON l.id = p.local_user_id",
    )
    told("volume group", "vgs", "--noheadings", "--options", "vg_uuid")
    told("physical volumes", "pvs", "--noheadings", "--options", "pv_uuid")
    told("libvirt host", "sh", "-c", "virsh -c qemu:///system capabilities | grep '<uuid>'")
    json.dump(FOUND, sys.stdout)


main()
