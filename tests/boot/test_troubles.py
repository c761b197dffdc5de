"""What keeps a machine from work, and work again when it is gone: a clock years off, no cable, no
data disk. What a container can show of such troubles is in test_troubles_native.py.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from aio_image.boot.appliance import Appliance
from aio_image.host.process import run
from tests.boot.machines import Rig, check_cloud, until_healthy, until_it_says
from tests.boot.table import Table
from tests.waiting import wait_for

pytestmark = pytest.mark.boot
_DATA_DISK = 20 << 30
COLUMNS = ("boot", "healthy", "said", "checks")
_2019, _2041 = 1546300800, 2240524800  # 1 January, midnight UTC
_TOO_LATE = "more than ten years after this image was built"
_NO_DISK = "last seen as /dev/vdb) is not there"
_HTTPS = 443


@pytest.mark.parametrize("clock", [_2019, _2041], ids=["2019", "2041"])
def test_a_clock_years_off(image: Path, scratch: Path, results: Path, clock: int) -> None:
    """The cloud becomes healthy by itself whatever year it takes it for; and once the clock is
    right, clients that know the true year find everything valid."""
    rig = Rig(image, scratch, clock=clock)
    table = Table(results, f"clock-{time.gmtime(clock).tm_year}", COLUMNS)
    healthy = rig.boot(_healthy)
    # A clock that is behind is set to the image's build by systemd.
    warned = _TOO_LATE in rig.console.read_text(encoding="utf-8", errors="replace")
    said = "a warning" if warned else "nothing"
    table.add(boot=f"clock at {time.gmtime(clock).tm_year}", healthy=healthy, said=said)
    assert warned == (clock == _2041)
    rig.change(clock=None)
    healthy, checks = rig.boot(_checked)
    table.add(boot="clock right", healthy=healthy, checks=checks)
    assert _TOO_LATE not in rig.console.read_text(encoding="utf-8", errors="replace")
    assert set(checks.values()) == {"ok"}, checks
    shutil.rmtree(scratch)


def test_a_cable_to_nowhere(image: Path, scratch: Path, results: Path) -> None:
    """Without an address it says so; at the next boot, with the cable in, it is healthy."""
    # Who is told its address waits for none.
    rig = Rig(image, scratch, unplugged=True, settings={"public_address": None})
    table = Table(results, "no-cable", COLUMNS)
    table.add(boot="no cable", said=rig.boot(_waits_for_address))
    rig.change(unplugged=False, settings={})
    rig.move()  # only a new instance takes a new configuration
    healthy, checks = rig.boot(_checked)
    table.add(boot="cable in", healthy=healthy, checks=checks)
    assert set(checks.values()) == {"ok"}, checks
    shutil.rmtree(scratch)


def test_a_data_disk_that_is_not_there(image: Path, scratch: Path, results: Path) -> None:
    """Without the disk that has the cloud's data it waits and says for what; with it, it is healthy
    and has what it had."""
    disk = scratch / "data.raw"
    scratch.mkdir(parents=True, exist_ok=True)
    with disk.open("wb") as file:
        file.truncate(_DATA_DISK)
    device = {"data_disk.device": "/dev/vdb", "data_disk.filesystem": "ext4"}
    rig = Rig(image, scratch, data=disk, settings=device)
    table = Table(results, "no-data-disk", COLUMNS)
    table.add(boot="with the disk", healthy=rig.boot(_healthy))
    rig.change(data=None)
    table.add(boot="without", said=rig.boot(_misses_disk))
    rig.change(data=disk)
    healthy, checks = rig.boot(_checked)
    table.add(boot="with it again", healthy=healthy, checks=checks)
    assert set(checks.values()) == {"ok"}, checks
    shutil.rmtree(scratch)


def test_another_address(image: Path, scratch: Path, results: Path) -> None:
    """The same disk in another network: all checks hold under its new address."""
    rig = Rig(image, scratch)
    table = Table(results, "readdressed-machine", COLUMNS)
    table.add(boot="first", healthy=rig.boot(_healthy))
    old, new = rig.move()
    healthy, checks = rig.boot(_checked)
    table.add(boot=f"{old} became {new}", healthy=healthy, checks=checks)
    assert set(checks.values()) == {"ok"}, checks
    shutil.rmtree(scratch)


def _healthy(_rig: Rig, appliance: Appliance) -> float:
    return round(until_healthy(appliance), 1)


def _checked(rig: Rig, appliance: Appliance) -> tuple[float, dict[str, str]]:
    seconds = round(until_healthy(appliance), 1)
    return seconds, check_cloud(rig, appliance)


def _waits_for_address(_rig: Rig, appliance: Appliance) -> str:
    return until_it_says(appliance, "waiting for an address on ")


def _misses_disk(_rig: Rig, appliance: Appliance) -> str:
    said = until_it_says(appliance, _NO_DISK)
    port = appliance.ports.get(_HTTPS, _HTTPS)
    url = f"https://{appliance.address}:{port}/"
    words = ["curl", "-sk", "--max-time", "60", url]
    assert wait_for(lambda: _NO_DISK in run(words, check=False).output, pause=2.0), url
    return said
