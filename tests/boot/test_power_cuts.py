"""Power cuts: the appliance always ends healthy, with nothing asked of anybody.

Natively: the file system of the image is cut off from its disk (tests/boot/native/disk.py), the
container killed, the disk mounted again as after a power cut, and booted again.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aio_image.boot.appliance import Appliance
from tests.boot.conftest import told
from tests.boot.machines import Moment, Rig, check_cloud, power_cut, repaired, until_healthy
from tests.boot.native.boot import ADMIN, Boot, Who, cut, powered
from tests.boot.native.disk import RootDisk
from tests.boot.table import Table
from tests.private import in_private

pytestmark = pytest.mark.boot
COLUMNS = ("episode", "cut", "moment", "stage", "over", "healthy", "troubles")
_CHOSEN = "ChosenByTheTest0123456789"
# Cuts in a row before the appliance is let to become healthy, drawn from these.
_IN_A_ROW = (1, 2, 3, 4)
_BEYOND = 1.1  # of the time to healthy: moments shortly after it, too
Due = Callable[[Boot], bool]


class Campaign:
    """One disk after the other, cut and booted; every cut is a row of ``table``."""

    def __init__(self, base: RootDisk, folder: Path, table: Table) -> None:
        self.base, self.folder, self.table = base, folder, table
        self.episode = 0
        self.disk = base

    def fresh_disk(self) -> None:
        self.episode += 1
        self.disk = self.base.copy(self.folder / "disk.raw")

    def cut(self, what: str, due: Due) -> dict[str, Any]:
        """Cut; the row says how far the appliance was, and what of that its disk knows."""
        who = Who(config={"secrets": {ADMIN: _CHOSEN}})
        moment, said = cut(self.disk, self.folder, due, who if self._is_new() else None)
        self.table.add(
            episode=self.episode,
            cut=what,
            moment=round(moment, 2),
            stage=_shown(said),
            over=self._over(),
        )
        return said

    def heal(self) -> float:
        """Let it become healthy, and see that it is sound. Returns seconds to healthy."""
        with powered(self.disk, self.folder) as boot:
            seconds = boot.until_healthy()
            answer = boot.token()
            assert answer["status"] == 201, answer
            assert boot.secrets()[ADMIN] == _CHOSEN
            assert boot.container is not None
            failed = boot.container.failed_units()
        self.table.add(
            episode=self.episode,
            cut="none",
            healthy=round(seconds, 1),
            troubles="; ".join(boot.troubles),
        )
        assert failed == []
        assert self.disk.faults() == ""
        assert self.disk.find([]) == []
        return seconds

    def _is_new(self) -> bool:
        return not self._rows_of_episode()

    def _rows_of_episode(self) -> list[dict[str, Any]]:
        return [row for row in self.table.rows if row["episode"] == self.episode]

    def _over(self) -> str:
        """How many stages the disk knows to be over, and the last of them."""
        with self.disk.mounted(self.folder / "look") as root:
            try:
                record = json.loads((root / "var/lib/aio/state.json").read_text(encoding="utf-8"))
            except FileNotFoundError:
                return "none"
        over = list(record["done"])
        return f"{len(over)}: {over[-1]}" if over else "none"


def _shown(said: dict[str, Any]) -> str:
    if not said:
        return "before personalise"
    if said["state"] == "healthy":
        return "healthy"
    return f"{said['stage']} {said['done']}/{said['total']}: {said['detail'][:40]}"


def after(seconds: float) -> Due:
    return lambda boot: boot.seconds >= seconds


def at_stage(number: int) -> Due:
    """As soon as stage ``number`` of personalise is announced; or the next it sees."""

    def due(boot: Boot) -> bool:
        said = boot.status()
        if not said:
            return False
        return said["stage"] != "personalise" or said["done"] >= number

    return due


@pytest.fixture
def folder(scratch: Path) -> Path:
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch


def test_at_every_stage(base: RootDisk, folder: Path, results: Path) -> None:
    """The stages of one first boot, each cut as it begins; every boot takes up where it was cut."""
    table = Table(results, "power-cuts-stages", COLUMNS)

    def body() -> None:
        campaign = Campaign(base, folder, table)
        campaign.fresh_disk()
        number, total = 0, 1
        while number < total:
            said = campaign.cut(f"stage {number}", at_stage(number))
            if said["stage"] != "personalise":
                break
            number, total = said["done"] + 1, said["total"]
        seconds = campaign.heal()
        table.note(cuts=sum(row["cut"] != "none" for row in table.rows), healthy=round(seconds, 1))

    in_private(body)
    shutil.rmtree(folder)


def test_at_random_moments(
    base: RootDisk, folder: Path, results: Path, cuts: int, seed: int
) -> None:
    """``cuts`` moments from power-on to shortly after healthy, one to four in a row."""
    table = Table(results, "power-cuts-random", COLUMNS, seed=seed)

    def body() -> None:
        campaign = Campaign(base, folder, table)
        draw = random.Random(seed)
        campaign.fresh_disk()
        times = []
        made = 0
        length = _first_boot(campaign)
        while made < cuts:
            campaign.fresh_disk()
            for _ in range(min(draw.choice(_IN_A_ROW), cuts - made)):
                moment = draw.uniform(0.0, length * _BEYOND)
                campaign.cut(f"after {moment:.1f} s", after(moment))
                made += 1
            times.append(campaign.heal())
            table.note(
                cuts=made,
                episodes=len(times),
                healthy_after=f"{min(times):.0f} to {max(times):.0f} s",
            )

    in_private(body)
    shutil.rmtree(folder)


def _first_boot(campaign: Campaign) -> float:
    """Seconds an uncut first boot takes to healthy; cut a moment after that, and healed."""
    healthy: list[float] = []

    def due(boot: Boot) -> bool:
        if not healthy and boot.status().get("state") == "healthy":
            healthy.append(boot.seconds)
        return bool(healthy) and boot.seconds > healthy[0] + 1.0

    campaign.cut("1 s after healthy", due)
    campaign.heal()
    campaign.table.note(uncut=round(healthy[0], 1))
    return healthy[0]


def test_in_a_machine(image: Path, folder: Path, results: Path, seed: int) -> None:
    """The same in a whole machine, QEMU killed; what its disk's format had in memory is lost, too.

    Half of AIO_IMAGE_TEST_MACHINE_CUTS (6) at stages, half at moments; one disk all along.
    """
    count = int(told("MACHINE_CUTS", "6"))
    table = Table(results, "power-cuts-machine", COLUMNS, seed=seed)
    draw = random.Random(seed)
    rig = Rig(image, folder)
    for number in range(count // 2):
        # Each boot takes up at the stage that the one before was cut in.
        _cut_machine(rig, table, Moment(share=number / max(count // 2, 1)))
    healthy, _, _ = rig.boot(_heal)
    table.add(episode=rig.boots, cut="none", healthy=round(healthy, 1))
    for _ in range(count - count // 2):
        _cut_machine(rig, table, Moment(seconds=draw.uniform(0.0, healthy * _BEYOND)))
    healthy, checks, fsck = rig.boot(_heal)
    table.add(episode=rig.boots, cut="none", healthy=round(healthy, 1))
    table.note(checks=checks, fsck=fsck)
    assert set(checks.values()) == {"ok"}, checks

    def body() -> None:
        disk = RootDisk.of_image(rig.folder / "disk.qcow2", folder / "disk.raw")
        with disk.mounted(folder / "look"):
            pass  # the guest was switched off: its journal is to be replayed
        assert disk.faults() == ""
        assert disk.find([]) == []

    in_private(body)
    shutil.rmtree(folder)


def _cut_machine(rig: Rig, table: Table, moment: Moment) -> None:
    seconds, stage = rig.boot(partial(_cut_at, moment))
    table.add(episode=rig.boots, cut=str(moment), moment=round(seconds, 1), stage=stage)


def _cut_at(moment: Moment, _rig: Rig, appliance: Appliance) -> tuple[float, str]:
    return power_cut(appliance, moment)


def _heal(rig: Rig, appliance: Appliance) -> tuple[float, dict[str, str], list[str]]:
    seconds = until_healthy(appliance)
    checks = check_cloud(rig, appliance)
    rig.ssh(appliance, "sync")
    return seconds, checks, repaired(rig.console)
