"""What cloud-init does once is done again until all of it is on disk."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from aio_image import appliance

SCRIPT = Path(appliance.__file__).parent / "files/cloud-init-whole"


class Disk:
    """/var/lib of an appliance."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cloud = root / "var/lib/cloud"
        (self.cloud / "seed/nocloud").mkdir(parents=True)

    def stages(self, instance: str) -> None:
        """What cloud-init leaves of its first stages."""
        link = self.cloud / "instance"
        link.unlink(missing_ok=True)
        for folder in (self.cloud / "instances" / instance / "sem", self.cloud / "data"):
            folder.mkdir(parents=True, exist_ok=True)
        link.symlink_to(self.cloud / "instances" / instance)

    def run(self, word: str) -> str:
        done = subprocess.run(
            ["sh", SCRIPT, word],
            env={"AIO_ROOT": str(self.root), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def left(self) -> set[str]:
        return {path.name for path in self.cloud.iterdir()}


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path)


def test_nothing_to_do_before_the_first_boot(disk: Disk) -> None:
    assert disk.run("begin") == ""
    assert disk.left() == {"seed"}


def test_a_boot_that_was_cut_is_done_again(disk: Disk) -> None:
    disk.stages("one")
    assert "begins again" in disk.run("begin")
    assert disk.left() == {"seed"}


def test_a_boot_that_is_whole_stays(disk: Disk) -> None:
    disk.stages("one")
    disk.run("end")
    assert disk.run("begin") == disk.run("end") == ""
    assert disk.left() == {"seed", "instance", "instances", "data", "aio-whole"}


def test_another_instance_is_whole_only_when_it_is_over(disk: Disk) -> None:
    disk.stages("one")
    disk.run("end")
    disk.stages("two")
    assert "begins again" in disk.run("begin")
    disk.stages("two")
    disk.run("end")
    assert disk.run("begin") == ""


def test_after_a_reset_the_same_instance_counts_anew(disk: Disk) -> None:
    disk.stages("one")
    disk.run("end")
    shutil.rmtree(disk.cloud)
    disk.cloud.mkdir()
    disk.run("begin")
    disk.stages("one")
    assert "begins again" in disk.run("begin")
