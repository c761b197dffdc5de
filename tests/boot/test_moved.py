"""An appliance that was moved: the same disk under another address, natively."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.boot.native.boot import ADDRESS, Boot, Who, powered
from tests.boot.native.disk import RootDisk
from tests.boot.table import Table
from tests.private import in_private

pytestmark = pytest.mark.boot
_MOVED = "192.0.2.77"


@pytest.fixture
def disk(base: RootDisk, scratch: Path) -> RootDisk:
    scratch.mkdir(parents=True, exist_ok=True)
    return base.copy(scratch / "disk.raw")


def test_under_another_address(disk: RootDisk, scratch: Path, results: Path) -> None:
    table = Table(results, "readdressed", ("address", "healthy", "token", "names_the_old"))

    def body() -> None:
        for number, address in enumerate((ADDRESS, _MOVED)):
            who = Who(address=address, instance_id=f"aio-{number}")
            with powered(disk, scratch, who, orderly=True) as boot:
                seconds = boot.until_healthy()
                answer = boot.token(address)
                old = _names(boot, ADDRESS) if number else []
                table.add(
                    address=address,
                    healthy=round(seconds, 1),
                    token=answer["status"],
                    names_the_old=", ".join(old),
                )
                assert answer["status"] == 201
                foreign = [
                    url
                    for urls in answer["catalogue"].values()
                    for url in urls
                    if not url.startswith(f"https://{address}")
                ]
                assert foreign == []
                page = boot.outside(
                    "curl", "-s", "--cacert", str(boot.root / "etc/aio/pki/ca.pem"),
                    "--write-out", "%{http_code}", "--output", "/dev/null",
                    f"https://{address}/horizon/auth/login/",
                )  # fmt: skip
                assert page == "200"
                assert old == []

    in_private(body)
    shutil.rmtree(scratch)


def _names(boot: Boot, address: str) -> list[str]:
    """Files, endpoints and OVN's settings that still name ``address``."""
    files = boot.inside(
        "grep", "-rlsIF", "--devices=skip", "--exclude-dir=cloud", "--", address,
        "/etc", "/var/lib/aio", "/root", check=False,
    )  # fmt: skip
    rows = boot.inside(
        "mariadb", "--batch", "--skip-column-names", "--execute",
        f"SELECT url FROM keystone.endpoint WHERE url LIKE '%{address}%'",
    )  # fmt: skip
    ovs = boot.inside("ovs-vsctl", "get", "Open_vSwitch", ".", "external-ids")
    certificate = boot.inside(
        "openssl", "x509", "-in", "/etc/aio/pki/server.pem", "-noout", "-text"
    )
    found = [*files.splitlines(), *rows.splitlines()]
    found += [what for what, text in {"OVS": ovs, "certificate": certificate}.items()
              if address in text]  # fmt: skip
    return found
