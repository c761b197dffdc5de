"""What keeps an appliance from work: each a clear state on console and status page, and health by
itself, in the same boot, when it is gone.

Natively; what only a machine has (a clock of its own, a cable) is in test_troubles.py.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aio_image.host.process import run
from tests.boot.native.boot import ADDRESS, LIMIT, PEER, Boot, Who, powered, prepare
from tests.boot.native.data_disk import DISK, LATER, attached, have_storage, let_go, mounted
from tests.boot.native.disk import RootDisk
from tests.boot.table import Table
from tests.private import in_private
from tests.waiting import wait_for

pytestmark = pytest.mark.boot
COLUMNS = ("boot", "says", "healthy")
_OTHER = "192.0.2.77"
_HOME = "127.0.0.1"
_YEAR = 365.25 * 24 * 3600
_DISK_SIZE = 9 << 30
# The least a full file system is left with, and what a first boot of cloud-init's takes.
_NOTHING, _LITTLE = 64 << 10, 64 << 20


@pytest.fixture
def disk(base: RootDisk, scratch: Path) -> RootDisk:
    scratch.mkdir(parents=True, exist_ok=True)
    return base.copy(scratch / "disk.raw")


def _words(said: dict[str, Any]) -> str:
    failures = [one["said"] for one in said.get("failures", ())]
    return "\n".join([said.get("detail", ""), *said.get("warnings", ()), *failures])


def _page(boot: Boot, address: str) -> str:
    """The status page's code and text; of an appliance without an address as it has it itself."""
    assert boot.container is not None
    inside = ["nsenter", f"--target={boot.container.leader}", "--net", "--"]
    place = inside if address == _HOME else boot.container.outside()
    ask = ["curl", "-sk", "--max-time", "60", "--write-out", "\n%{http_code}"]
    said = html.unescape(run([*place, *ask, f"https://{address}/"], check=False).output)
    text, _, code = said.rpartition("\n")
    return f"{code} {text}"


def _on_console(boot: Boot) -> str:
    assert boot.container is not None
    lines = boot.container.console.read_text(encoding="utf-8", errors="replace").splitlines()
    rows = [line[line.index("AIO {") + 4 :] for line in lines if "AIO {" in line]
    return "\n".join(_words(json.JSONDecoder().raw_decode(row)[0]) for row in rows)


def _comes(condition: Callable[[], object]) -> bool:
    return wait_for(condition, LIMIT, pause=0.5)


def told(boot: Boot, pattern: str, address: str = ADDRESS) -> str:
    """What the appliance says that matches ``pattern``: in its status, on its console, and on the
    status page at ``address``, which is one to people (503) as long as the cloud is not healthy."""
    wanted = re.compile(pattern)
    assert _comes(lambda: wanted.search(_words(boot.status()))), boot.status()
    found = wanted.search(_words(boot.status()))
    assert _comes(lambda: wanted.search(_on_console(boot)))
    assert _comes(lambda: wanted.search(_page(boot, address))), _page(boot, address)
    assert _page(boot, address).startswith("503 ")
    assert boot.status()["state"] != "healthy"
    assert found is not None
    return found[0]


def silent(boot: Boot, pattern: str) -> None:
    """Nothing is said of it any more."""
    assert not re.search(pattern, _words(boot.status())), boot.status()


@contextmanager
def dhcp(boot: Boot, address: str) -> Iterator[None]:
    """A server at the other end of the appliance's cable that leases ``address``."""
    assert boot.container is not None
    server = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *boot.container.outside(),
         "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file=",
         "--leasefile-ro", "--dhcp-authoritative", "--no-ping", f"--listen-address={PEER}",
         f"--dhcp-range={address},{address},255.255.255.0,1h", f"--dhcp-option=3,{PEER}"],
    )  # fmt: skip
    try:
        yield
    finally:
        server.terminate()
        server.wait()


def test_an_address_that_comes_late(disk: RootDisk, scratch: Path, results: Path) -> None:
    """A first boot waits for one, a later one keeps the last and takes a new one when it comes."""
    if shutil.which("dnsmasq") is None:
        pytest.skip("no dnsmasq to lease an address late")
    table = Table(results, "late-address", COLUMNS)
    waits = r"waiting for an address on eth0.*: DHCP has not answered"
    keeps = rf"eth0 has no address \(DHCP has not answered\): the cloud keeps {ADDRESS}"

    def body() -> None:
        with powered(disk, scratch, Who(address=""), orderly=True) as boot:
            table.add(boot="first, no address", says=told(boot, waits, _HOME))
            with dhcp(boot, ADDRESS):
                table.add(boot="it comes", healthy=round(boot.until_healthy(), 1))
                assert boot.token()["status"] == 201
        with powered(disk, scratch) as boot:
            said = told(boot, keeps, _HOME)
            table.add(boot="later, no address", says=said, healthy=round(boot.until_healthy(), 1))
            with dhcp(boot, _OTHER):
                assert _comes(lambda: _OTHER in boot.status().get("url", ""))
                table.add(boot="another comes", healthy=round(boot.until_healthy(), 1))
                assert boot.token(_OTHER)["status"] == 201
                silent(boot, keeps)

    in_private(body)
    shutil.rmtree(scratch)


@pytest.mark.parametrize(
    ("when", "left"), [("first", _LITTLE), ("first", _NOTHING), ("later", _NOTHING)]
)
def test_a_full_disk(disk: RootDisk, scratch: Path, results: Path, when: str, left: int) -> None:
    """The state says which file system it is and how much room it has; with room it goes on. Where
    not even cloud-init could write, at the next boot."""
    table = Table(results, f"full-disk-{when}-{left}", COLUMNS)
    full = r"MiB free on the root file system|the file system / is full: \d+ of \d+ MiB free"

    def body() -> None:
        if when == "later":
            with powered(disk, scratch, orderly=True) as boot:
                table.add(boot="first", healthy=round(boot.until_healthy(), 1))
        with disk.mounted(scratch / "fill") as root:
            if when == "first":
                prepare(root, Who())
            _fill(root, left)
        unseeded = (when, left) == ("first", _NOTHING)
        with powered(disk, scratch) as boot:
            said = told(boot, full, _HOME if unseeded else ADDRESS)
            table.add(boot=f"{left >> 10} KiB free", says=said)
            (boot.root / "filler").unlink()
            if not unseeded:
                table.add(boot="freed", healthy=round(boot.until_healthy(), 1))
                silent(boot, full)
                assert boot.token()["status"] == 201
        with powered(disk, scratch) as boot:
            table.add(boot="next", healthy=round(boot.until_healthy(), 1))
            assert boot.token()["status"] == 201
        assert disk.faults() == ""
        assert disk.find([]) == []

    in_private(body)
    shutil.rmtree(scratch)


def _fill(root: Path, left: int) -> None:
    """Leave ``left`` bytes free, of what is kept for root, too."""
    with (root / "filler").open("wb") as file:
        step = 1 << 30
        while step >= _NOTHING:
            free = os.fstatvfs(file.fileno())
            if free.f_bfree * free.f_frsize - step < left:
                step //= 2
                continue
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), step)
            except OSError:
                step //= 2


def test_a_data_disk_that_comes_late(disk: RootDisk, scratch: Path, results: Path) -> None:
    """At a first boot it is taken when it comes; at a later one it is found again, whatever its
    name is by then. Without volumes: a container has no device mapper."""
    table = Table(results, "late-data-disk", COLUMNS)
    backing = scratch / "data.raw"
    with backing.open("wb") as file:
        file.truncate(_DISK_SIZE)
    who = Who(config={"data_disk": {"device": str(DISK), "filesystem": "ext4"}})
    wanted = rf"data disk {DISK}: is not there"
    missed = rf"the data disk \(9 GiB, serial \S+, last seen as {DISK}\) is not there"

    def body() -> None:
        with disk.mounted(scratch / "look") as root:
            prepare(root, who)
            have_storage(root)
        with powered(disk, scratch, orderly=True) as boot:
            table.add(boot="first, no disk", says=told(boot, wanted))
            with attached(boot, DISK, backing):
                table.add(boot="it comes", healthy=round(boot.until_healthy(), 1))
                silent(boot, wanted)
                assert mounted(boot) == str(DISK)
                boot.inside("touch", "/var/lib/glance/images/kept")
                let_go(boot)
        with powered(disk, scratch) as boot:
            table.add(boot="later, no disk", says=told(boot, missed))
            with attached(boot, LATER, backing):
                table.add(boot="it comes as another", healthy=round(boot.until_healthy(), 1))
                silent(boot, missed)
                assert mounted(boot) == str(LATER)
                boot.inside("test", "-e", "/var/lib/glance/images/kept")
                assert boot.token()["status"] == 201
                let_go(boot)

    in_private(body)
    shutil.rmtree(scratch)


def test_a_clock_years_off(disk: RootDisk, scratch: Path, results: Path) -> None:
    """A container has its host's clock, so the image is made older: a warning says so, and the
    cloud works. What it made then holds, and nothing is said, when the clock is right."""
    table = Table(results, "old-image", COLUMNS)
    wrong = r"the clock says \S+, more than ten years after this image was built \(\S+\)"

    def body() -> None:
        with disk.mounted(scratch / "look") as root:
            epoch = root / "usr/lib/clock-epoch"
            built = epoch.stat().st_mtime
            prepare(root, Who())
            os.utime(epoch, (time.time() - 12 * _YEAR,) * 2)
        with powered(disk, scratch, orderly=True) as boot:
            said = told(boot, wrong)
            table.add(boot="twelve years off", says=said, healthy=round(boot.until_healthy(), 1))
            assert boot.token()["status"] == 201
            os.utime(boot.root / "usr/lib/clock-epoch", (built, built))
        with powered(disk, scratch) as boot:
            table.add(boot="right", healthy=round(boot.until_healthy(), 1))
            silent(boot, wrong)
            assert boot.token()["status"] == 201
            _check_reports(boot)

    in_private(body)
    shutil.rmtree(scratch)


def _check_reports(boot: Boot) -> None:
    """A report of nova-compute's that a clock put back has left in the future is none."""
    ask = (
        "from aio_appliance import heartbeats;"
        " print(heartbeats.missing({'nova': ('nova-compute',)}))"
    )
    assert boot.inside("python3", "-c", ask).strip() == "[]"
    boot.inside("systemctl", "stop", "nova-compute.service")
    update = "UPDATE services SET updated_at = UTC_TIMESTAMP() + INTERVAL 14 YEAR"
    boot.inside("mariadb", "nova", "--execute", f"{update} WHERE `binary` = 'nova-compute'")
    assert boot.inside("python3", "-c", ask).strip() == "['nova-compute']"
