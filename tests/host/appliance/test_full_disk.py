"""A first boot on a file system without room: it says so, and goes on when there is some."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aio_image.appliance import notices, personalise, resources
from aio_image.appliance.layout import Layout
from aio_image.appliance.problems import ApplianceProblem
from aio_image.appliance.room import Room
from aio_image.appliance.status import Reporter
from tests.unit.appliance.small_image import make_image
from tests.unit.appliance.test_appliance_personalise import check_end, seeded

pytestmark = pytest.mark.host


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Layout]:
    """An image on a file system of 2 MiB, its /run elsewhere, as on a machine."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], check=True)
    try:
        image = seeded(make_image(disk / "root"))
        (tmp_path / "run").mkdir()
        image.run.parent.mkdir()
        image.run.symlink_to(tmp_path / "run")
        yield image
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def fill(folder: Path, leave: int) -> Path:
    """Take all but ``leave`` bytes."""
    disk = os.statvfs(folder)
    filler = folder / "filler"
    filler.write_bytes(bytes(disk.f_bavail * disk.f_frsize - leave))
    return filler


# Anything from nothing to what all of it takes, in pages: the disk fills at one write or another.
@pytest.mark.parametrize("pages", [0, 1, 2, 3, 5, 8, 12, 16])
def test_a_full_disk(small: Layout, pages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    filler = fill(small.root, pages * 4096)
    # What is there before anything is written is another test's.
    monkeypatch.setattr(resources, "check", lambda *_, **__: [])
    reporter = Reporter(small)
    with pytest.raises(ApplianceProblem) as caught:
        personalise.run(small, reporter)
    assert f"the file system {small.root.parent} is full: " in caught.value.message
    assert "of 2 MiB free" in caught.value.message
    assert "make room" in caught.value.hint
    status = json.loads(small.status.read_text())
    assert status["state"] == "failed"
    assert caught.value.message in status["detail"]
    assert not small.personalised.exists()
    filler.unlink()
    personalise.run(small, reporter)
    assert small.status.resolve().is_relative_to(small.root.parent.parent / "run")
    check_end(small, "chosen-by-hand-and-long-enough")


def test_too_little_room_is_refused_before_anything_is_written(small: Layout) -> None:
    def files() -> set[Path]:
        inside = (path.relative_to(small.root) for path in small.root.rglob("*") if path.is_file())
        return {path for path in inside if path.parts[0] != "run"}

    before = files()
    with pytest.raises(ApplianceProblem, match="MiB free on the root file system"):
        personalise.run(small, Reporter(small))
    assert files() == before


def test_what_a_full_disk_stopped_is_started_when_there_is_room(small: Layout) -> None:
    started: list[str] = []
    room = Room(small, ("a.service", "b.service"), started.extend, least=1)
    room.look()
    assert notices.every(small) == [] == started
    filler = fill(small.root, 0)
    for _ in range(2):
        room.look()
        (warning,) = notices.every(small)
        assert warning.startswith(f"the file system {small.root.parent} is full: 0 of 2 MiB free; ")
        assert started == []
    filler.unlink()
    for _ in range(2):
        room.look()
        assert notices.every(small) == []
        assert started == ["a.service", "b.service"]
