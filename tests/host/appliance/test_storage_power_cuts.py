"""The power goes at every write and every program of storage's making, and then of its growing."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aio_image.appliance.storage import devices, disk, groups, mounts
from tests.host.appliance.storage_bench import (
    CINDER,
    DISK,
    GIB,
    GROUP,
    IMAGES,
    INSTANCES,
    Machine,
)
from tests.power_cuts import PowerCut, cut_power_after

pytestmark = pytest.mark.host
_CHANGES = [
    *((os, name) for name in ("fsync", "replace", "unlink", "mkdir", "ftruncate")),
    (subprocess, "run"),
]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    monkeypatch.setattr(disk, "PATIENCE", 0.0)
    machine = Machine.make(tmp_path / "root")
    yield machine
    machine.scrap()


def configure(machine: Machine, cinder: str, *, wipe: bool) -> None:
    machine.configure(
        f"data_disk: {{device: {DISK}, filesystem: xfs{', wipe: yes' if wipe else ''}}}\n"
        f"storage: {{cinder: {cinder}, nova: 2G}}\n"
    )


def check(machine: Machine, cinder: int) -> None:
    """All is there, and what was the image's is where it belongs."""
    assert devices.uuid_of(DISK) == machine.kept["disk"]["uuid"]
    size = groups.sizes(CINDER, GROUP)[0]
    assert cinder - 64 * 1024**2 < size <= cinder
    for folder, name in ((INSTANCES, "compute_nodes"), (IMAGES, "tiny")):
        assert mounts.at(machine.layout.at(folder)) is not None
        assert machine.layout.at(folder).joinpath(name).read_text() == "from the image"
    assert all(one["made"] for one in machine.kept["places"].values())


@pytest.mark.parametrize("wipe", [False, True])
def test_a_power_cut_at_every_step_of_the_making(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wipe: bool
) -> None:
    monkeypatch.setattr(disk, "PATIENCE", 0.0)
    calls, over = 0, False
    while not over:
        calls += 1
        machine = Machine.make(tmp_path / str(calls) / "root")
        try:
            backing = machine.add_disk()
            if wipe:
                subprocess.run(["mkfs.ext4", "-q", "-F", "-L", "old", backing], check=True)
            configure(machine, "2G", wipe=wipe)
            with monkeypatch.context() as cut, contextlib.suppress(PowerCut):
                cut_power_after(cut, calls, _CHANGES)
                machine.boot()
                over = True
            machine.power_off()
            assert machine.boot() == []
            check(machine, 2 * GIB)
        finally:
            machine.scrap()
            backing.unlink()
    assert calls > 40


def test_a_power_cut_at_every_step_of_the_growing(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.add_disk()
    configure(machine, "2G", wipe=True)
    machine.boot()
    for folder in (INSTANCES, IMAGES):
        machine.layout.at(folder).joinpath("theirs").write_text("kept")
    calls, over, size, begun = 0, False, 9, 2
    while not over:
        calls += 1
        machine.power_off()
        size, begun = size + 1, begun + 1
        machine.add_disk(size=size * GIB)
        configure(machine, f"{begun}G", wipe=True)
        with monkeypatch.context() as cut, contextlib.suppress(PowerCut):
            cut_power_after(cut, calls, _CHANGES)
            machine.boot()
            over = True
        machine.power_off()
        machine.boot()
        check(machine, begun * GIB)
        assert machine.kept["disk"]["size"] == size * GIB
        for folder in (INSTANCES, IMAGES):
            assert machine.layout.at(folder).joinpath("theirs").read_text() == "kept"
    assert calls > 15


def test_killed_at_random_moments(machine: Machine) -> None:
    """In the middle of mkfs and of LVM as well: the whole process group dies."""
    machine.add_disk()
    configure(machine, "2G", wipe=False)
    program = (
        "import sys, pathlib\n"
        "from aio_image.appliance import cli, layout\n"
        "print('ready', flush=True)\n"
        "sys.exit(cli.main(['storage-attach'], layout.Layout(pathlib.Path(sys.argv[1]))))\n"
    )
    words = [sys.executable, "-c", program, str(machine.layout.root)]
    chance = random.Random(os.urandom(8))
    for _ in range(12):
        child = subprocess.Popen(words, stdout=subprocess.PIPE, start_new_session=True)
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0, 1.2))
        os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        machine.power_off()
    subprocess.run(words, check=True, capture_output=True)
    check(machine, 2 * GIB)
