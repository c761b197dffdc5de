"""A small image as the seal leaves it: ledger, files that spell canaries, services.json."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from aio_image import deployers
from aio_image.appliance.layout import Layout
from aio_image.appliance.ledger import canary

BAKE_ID = "0123456789abcdef"
SECRETS: dict[str, dict[str, Any]] = {
    "keystone_auth_admin_password": {
        "files": ["/root/openrc"],
        "keystone": ["admin@default"],
    },
    "nova_service_password": {
        "files": ["/etc/nova/nova.conf", "/etc/neutron/neutron.conf"],
        "keystone": ["nova@default"],
    },
    "nova_container_mysql_password": {
        "files": ["/etc/nova/nova.conf"],
        "mariadb": ["nova@127.0.0.1"],
    },
    "memcache_key": {"length": 32, "files": ["/etc/neutron/neutron.conf"]},
}


def canary_of(name: str) -> str:
    return canary(BAKE_ID, name, int(SECRETS[name].get("length", 40))).decode()


def make_image(root: Path) -> Layout:
    """What personalise finds on an image, as far as it reads it."""
    layout = Layout(root)
    for folder in ("etc/ssh", "etc/aio", "usr/lib/aio", "usr/share/aio", "var/lib/aio", "dev"):
        (root / folder).mkdir(parents=True)
    (root / "dev/console").touch()
    entries = [
        {"name": name, "length": 40, "mariadb": [], "keystone": [], "rabbitmq": [], **entry}
        for name, entry in SECRETS.items()
    ]
    layout.ledger.write_text(
        json.dumps(
            {
                "format": 1,
                "deployer": "debian",
                "bake_id": BAKE_ID,
                "secrets": entries,
                "endpoint_host": "aio-canary.invalid",
            }
        )
    )
    services = ("haproxy", "memcached", "nova", "horizon", "neutron")
    layout.settle.write_text(json.dumps(deployers.load("debian").settle_of(services)))
    layout.services.write_text(json.dumps(deployers.load("debian").dump(services)))
    layout.clock_epoch.touch()
    files = {
        "/root/openrc": f"export OS_PASSWORD={canary_of('keystone_auth_admin_password')}\n",
        "/etc/nova/nova.conf": (
            f"[database]\nconnection = mysql+pymysql://nova:"
            f"{canary_of('nova_container_mysql_password')}@127.0.0.1/nova\n"
            f"[service_user]\npassword = {canary_of('nova_service_password')}\n"
            f"[keystone_authtoken]\npassword = {canary_of('nova_service_password')}\n"
        ),
        "/etc/neutron/neutron.conf": (
            f"[nova]\npassword = {canary_of('nova_service_password')}\n"
            f"memcache_secret_key = {canary_of('memcache_key')}\n"
        ),
    }
    for name, text in files.items():
        path = layout.at(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o640)
    return layout


def spelled_anywhere(root: Path, wanted: bytes) -> list[str]:
    """Files below ``root`` that spell ``wanted``."""
    return [
        str(path.relative_to(root))
        for folder, _, names in os.walk(root)
        for path in (Path(folder, name) for name in names)
        if path.is_file() and wanted in path.read_bytes()
    ]
