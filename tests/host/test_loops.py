"""Loop devices and partitions on the real kernel."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from aio_image.errors import HostError
from aio_image.host import journal, loops
from tests.waiting import PATIENCE

pytestmark = pytest.mark.host


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    path = tmp_path / "disk with blank.raw"
    with path.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(
        ["sgdisk", "--new=1:0:+1M", "--new=2:0:+4M", "--new=3:0:0", path],
        check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return path


@pytest.fixture
def loop(disk: Path) -> Iterator[loops.Loop]:
    loop = loops.attach(disk)
    yield loop
    loops.detach(loop)


def test_partitions_come_and_go(loop: loops.Loop) -> None:
    nodes = loops.add_partitions(loop.device)
    assert nodes == tuple(f"{loop.device}p{n}" for n in (1, 2, 3))
    assert all(Path(node).is_block_device() for node in nodes)
    loops.drop_partitions(loop.device)
    assert loops.partitions(loop.device) == ()
    loops.drop_partitions(loop.device)


def test_detach_takes_the_partitions(disk: Path) -> None:
    loop = loops.attach(disk)
    nodes = loops.add_partitions(loop.device)
    assert loops.detach(loop)
    assert loop not in loops.bound()
    assert not any(Path(node).exists() for node in nodes)
    assert not loops.detach(loop)


def test_a_device_bound_to_another_file_is_left_alone(loop: loops.Loop) -> None:
    stale = replace(loop, inode=loop.inode + 1)
    assert not loops.detach(stale)
    assert loop in loops.bound()


def test_a_removed_backing_file_is_still_the_same_device(disk: Path, loop: loops.Loop) -> None:
    disk.unlink()
    assert loops.detach(loop)


def test_a_device_in_use_is_waited_for(loop: loops.Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel lets go when the last user does: detach returns only then."""
    monkeypatch.setattr(loops, "_WAIT_SECONDS", PATIENCE)
    with ThreadPoolExecutor(1) as pool, Path(loop.device).open("rb"):
        detaching = pool.submit(loops.detach, loop)
        with pytest.raises(TimeoutError):
            detaching.result(1.5)
        assert loop in loops.bound()
    assert detaching.result(PATIENCE)


def test_the_journal_names_it(disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "journal"
    monkeypatch.setenv(journal.VARIABLE, str(path))
    loop = loops.attach(disk)
    try:
        (entry,) = journal.entries(path, "loop")
        assert entry["device"] == loop.device
        assert entry["inode"] == disk.stat().st_ino
        assert entry["backing"] == str(disk)
    finally:
        loops.detach(loop)


def test_an_unbound_device_cannot_be_recorded() -> None:
    with pytest.raises(HostError, match="not bound"):
        loops.record("/dev/loop-none")
