"""An appliance that was moved: the same disk under another address; and what keeps one from work.

Natively; the clock and the data disk are a machine's (test_troubles.py).
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.boot.native.boot import ADDRESS, Boot, Who, powered
from tests.boot.native.disk import RootDisk
from tests.boot.table import Table
from tests.private import in_private

pytestmark = pytest.mark.boot
_MOVED = "192.0.2.77"
_TROUBLED_SECONDS = 300.0
_LEFT_FREE = 64 << 10


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


def _until(boot: Boot, wanted: Callable[[dict[str, Any]], bool], limit: float) -> dict[str, Any]:
    """The status, once it is as ``wanted``."""
    while True:
        said = boot.status()
        if said and wanted(said):
            return said
        assert boot.seconds < limit, f"it says only: {said}"
        time.sleep(0.2)


@pytest.mark.parametrize("when", ["first", "later"])
def test_a_full_disk(disk: RootDisk, scratch: Path, results: Path, when: str) -> None:
    """The state names it; healthy at the next boot with room, nothing else done."""
    table = Table(results, f"full-disk-{when}", ("boot", "state", "detail", "healthy"))

    def body() -> None:
        if when == "later":
            with powered(disk, scratch, orderly=True) as boot:
                table.add(boot="first", healthy=round(boot.until_healthy(), 1))
        with disk.mounted(scratch / "fill") as root:
            _fill(root)
        with powered(disk, scratch) as boot:
            said = _until(
                boot, lambda now: "space" in _everything(now) or "full" in _everything(now),
                _TROUBLED_SECONDS,
            )  # fmt: skip
            table.add(boot="full", state=said["state"], detail=_everything(said)[:300])
            assert said["state"] != "healthy"
        with disk.mounted(scratch / "fill") as root:
            (root / "filler").unlink()
        with powered(disk, scratch) as boot:
            table.add(boot="with room", healthy=round(boot.until_healthy(), 1))
            assert boot.token()["status"] == 201
        assert disk.faults() == ""
        assert disk.find([]) == []

    in_private(body)
    shutil.rmtree(scratch)


def _everything(said: dict[str, Any]) -> str:
    return " ".join(str(said.get(key, "")) for key in ("detail", "warnings", "failures"))


def _fill(root: Path) -> None:
    """Leave next to nothing free, of what is kept for root, too."""
    with (root / "filler").open("wb") as file:
        size = 0
        step = 1 << 30
        while step >= _LEFT_FREE:
            try:
                os.posix_fallocate(file.fileno(), size, step)
                size += step
            except OSError:
                step //= 2


def test_no_address(disk: RootDisk, scratch: Path, results: Path) -> None:
    """It says so; healthy under its address in the very boot in which that comes, or the next."""
    table = Table(results, "no-address", ("boot", "state", "detail", "healthy"))

    def body() -> None:
        nowhere = Who(address="", instance_id="aio-nowhere")
        with powered(disk, scratch, nowhere) as boot:
            said = _until(boot, lambda now: "address" in _everything(now), _TROUBLED_SECONDS)
            table.add(boot="no address", state=said["state"], detail=_everything(said)[:300])
        with powered(disk, scratch, Who(instance_id="aio-found")) as boot:
            table.add(boot="an address", healthy=round(boot.until_healthy(), 1))
            assert boot.token()["status"] == 201

    in_private(body)
    shutil.rmtree(scratch)
