"""/etc/aio/config.yaml with nearly every key at once, natively: each has taken effect.

Not in a container: what needs a loop device of its own or a device mapper (``storage``).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from aio_image.host.process import run
from tests.boot.native.boot import (
    ADDRESS,
    ADMIN,
    INTERFACE,
    LIMIT,
    PEER,
    Boot,
    Who,
    powered,
    prepare,
)
from tests.boot.native.data_disk import DISK, attached, have_storage, let_go
from tests.boot.native.disk import RootDisk
from tests.boot.table import Table
from tests.private import in_private
from tests.waiting import wait_for

pytestmark = pytest.mark.boot
_OTHER, _NAME = "192.0.2.77", "cloud.example.org"
_PROXY = "http://192.0.2.1:3128"
_PASSWORD, _SPELLED = "FromAFile0123456789", "SpelledInTheConfig0123456789"
_FILE = "/root/admin-password"
_RATIO = 4.5
CONFIG: dict[str, Any] = {
    "public_interface": INTERFACE,
    "fqdn": _NAME,
    "network": {
        "address": f"{_OTHER}/24",
        "gateway": PEER,
        "default_route": True,
        "nameservers": ["192.0.2.53"],
        "search": ["example.org"],
    },
    "proxy": {"http": _PROXY, "https": _PROXY, "without": [".example.net"]},
    "data_disk": {"device": str(DISK)},
    "secrets": {ADMIN: {"file": _FILE}, "nova_service_password": _SPELLED},
    "user_variables": {"nova_nova_conf_overrides": {"DEFAULT": {"cpu_allocation_ratio": _RATIO}}},
    "bootstrap_opts": "bootstrap_host_data_disk_fs_type=xfs"
    " bootstrap_host_data_disk_device_force=true bootstrap_host_ceph=true",
    "force": True,
}


def test_everything_at_once(base: RootDisk, scratch: Path, results: Path) -> None:
    if "xfs" not in Path("/proc/filesystems").read_text(encoding="ascii").split():
        pytest.skip("this kernel has no xfs")
    scratch.mkdir(parents=True, exist_ok=True)
    disk = base.copy(scratch / "disk.raw")
    table = Table(results, "config-everything", ("boot", "healthy"))
    backing = scratch / "data.raw"
    with backing.open("wb") as file:
        file.truncate(9 << 30)
    # Somebody's: taken only because it is asked for by name.
    run(["mke2fs", "-q", "-t", "ext4", backing])

    def body() -> None:
        with disk.mounted(scratch / "look") as root:
            prepare(root, Who(config=CONFIG))
            have_storage(root)
            _want_more_than_there_is(root)
            (root / _FILE[1:]).write_text(f"{_PASSWORD}\n", encoding="utf-8")
        with powered(disk, scratch) as boot, attached(boot, DISK, backing):
            table.add(boot="first", healthy=round(boot.until_healthy(), 1))
            _check_all(boot)
            let_go(boot)

    in_private(body)
    shutil.rmtree(scratch)


def _want_more_than_there_is(root: Path) -> None:
    """A machine that is too small: only ``force`` lets it begin."""
    path = root / "usr/share/aio/settle.json"
    rules = json.loads(path.read_text(encoding="utf-8"))
    rules["resources"]["minimum"]["cpus"] = 4096
    path.write_text(json.dumps(rules), encoding="utf-8")


def _check_all(boot: Boot) -> None:
    _check_network(boot)
    _check_name(boot)
    _check_proxy(boot)
    found = boot.inside("findmnt", "--noheadings", "--output=SOURCE,FSTYPE", "/openstack").split()
    assert found == [str(DISK), "xfs"]
    _check_secrets(boot)
    assert wait_for(lambda: _ratio(boot) == str(_RATIO), LIMIT, pause=2.0), _ratio(boot)
    warnings = "\n".join(boot.status()["warnings"])
    assert "bootstrap_host_ceph" in warnings and "4096" in warnings, warnings


def _check_network(boot: Boot) -> None:
    rows = json.loads(boot.inside("ip", "-json", "-4", "address", "show", "dev", INTERFACE))
    found = [(one["local"], one["prefixlen"]) for row in rows for one in row["addr_info"]]
    assert found == [(_OTHER, 24)], f"not {ADDRESS}, which the seed's network-config has"
    (route,) = json.loads(boot.inside("ip", "-json", "-4", "route", "show", "default"))
    assert (route["gateway"], route["dev"]) == (PEER, INTERFACE)
    assert "192.0.2.53" in boot.inside("resolvectl", "dns", INTERFACE)
    assert "example.org" in boot.inside("resolvectl", "domain", INTERFACE)


def _check_name(boot: Boot) -> None:
    assert boot.status()["url"].startswith(f"https://{_NAME}"), boot.status()["url"]
    answer = boot.token(_OTHER)
    assert answer["status"] == 201
    urls = [url for some in answer["catalogue"].values() for url in some]
    assert urls and all(url.startswith(f"https://{_NAME}") for url in urls), urls
    told = boot.inside("openssl", "x509", "-in", "/etc/aio/pki/server.pem", "-noout", "-text")
    assert f"DNS:{_NAME}" in told and f"IP Address:{_OTHER}" in told


def _check_proxy(boot: Boot) -> None:
    """In the environment of what started in this very boot."""
    pid = boot.inside("systemctl", "show", "--value", "--property=MainPID", "nova-compute.service")
    words = boot.inside("cat", f"/proc/{pid.strip()}/environ").split("\0")
    has = dict(word.split("=", 1) for word in words if "=" in word)
    assert has["http_proxy"] == has["https_proxy"] == _PROXY
    assert {".example.net", _NAME, _OTHER} <= set(has["no_proxy"].split(","))
    assert _PROXY in boot.inside("apt-config", "dump", "Acquire::http::Proxy")


def _check_secrets(boot: Boot) -> None:
    secrets = boot.secrets()
    assert secrets[ADMIN] == _PASSWORD and secrets["nova_service_password"] == _SPELLED
    assert not (boot.root / _FILE[1:]).exists()
    assert _SPELLED not in (boot.root / "etc/aio/config.yaml").read_text(encoding="utf-8")
    assert _SPELLED in (boot.root / "etc/nova/nova.conf").read_text(encoding="utf-8")


def _ratio(boot: Boot) -> str:
    """What the scheduler knows of nova-compute's processors: VCPU is class 0."""
    query = "SELECT allocation_ratio FROM inventories WHERE resource_class_id = 0"
    return boot.inside("mariadb", "--skip-column-names", "placement", "--execute", query).strip()
