"""What keeps a machine from work, and work again when it is gone: a clock years off, no cable."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from aio_image.boot.appliance import Appliance
from aio_image.errors import ApplianceError
from aio_image.host.cancel import Cancel
from aio_image.report.events import Events
from tests.boot.machines import Rig, check_cloud, until_healthy
from tests.boot.table import Table

pytestmark = pytest.mark.boot
_DATA_DISK = 20 << 30
COLUMNS = ("boot", "healthy", "said", "checks")
_2019, _2041 = 1546300800, 2240524800  # 1 January, midnight UTC


@pytest.mark.parametrize("clock", [_2019, _2041], ids=["2019", "2041"])
def test_a_clock_years_off(image: Path, scratch: Path, results: Path, clock: int) -> None:
    """The cloud becomes healthy by itself whatever year it takes it for; and once the clock is
    right, clients that know the true year find everything valid."""
    rig = Rig(image, scratch, clock=clock)
    table = Table(results, f"clock-{time.gmtime(clock).tm_year}", COLUMNS)
    table.add(boot=f"clock at {time.gmtime(clock).tm_year}", healthy=rig.boot(_healthy))
    rig.change(clock=None)
    healthy, checks = rig.boot(_checked)
    table.add(boot="clock right", healthy=healthy, checks=checks)
    assert set(checks.values()) == {"ok"}, checks
    shutil.rmtree(scratch)


def test_a_cable_to_nowhere(image: Path, scratch: Path, results: Path) -> None:
    """Without an address it says so; at the next boot, with the cable in, it is healthy."""
    rig = Rig(image, scratch, unplugged=True)
    table = Table(results, "no-cable", COLUMNS)
    said = rig.boot(_end)
    table.add(boot="no cable", said=said)
    assert "address" in said
    rig.change(unplugged=False)
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
    said = rig.boot(_end)
    table.add(boot="without", said=said[-300:])
    assert "/dev/vdb" in said
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


def _end(_rig: Rig, appliance: Appliance) -> str:
    """What the appliance says in the end, be that healthy or not."""
    try:
        appliance.watch.until_healthy(Events(), Cancel())
    except ApplianceError as error:
        return "\n".join([error.message, *error.details])
    return appliance.console.read_text(encoding="utf-8", errors="replace")
