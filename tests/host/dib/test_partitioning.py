"""Partition nodes: by what this host has, and by device-mapper where that has to do."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from diskimage_builder.block_device.blockdevice import BlockDeviceState
from diskimage_builder.block_device.exception import BlockDeviceSetupException

from aio_image.dib.block_device.partitioning import AioPartitioning
from aio_image.dib.shims import write_shims
from aio_image.errors import HostError
from aio_image.host import journal, loops

pytestmark = pytest.mark.host

CONFIG: dict[str, Any] = {
    "name": "table",
    "base": "image0",
    "label": "gpt",
    "partitions": [
        {"name": "bios", "base": "image0", "type": "EF02", "size": "1MiB"},
        {"name": "root", "base": "image0", "type": "8300", "size": "100%"},
    ],
}


@pytest.fixture
def shims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = write_shims(tmp_path / "shims")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv(journal.VARIABLE, str(tmp_path / "journal"))
    return folder


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[loops.Loop]:
    image = tmp_path / "image.raw"
    with image.open("wb") as file:
        file.truncate(16 * 2**20)
    made = loops.attach(image)
    yield made
    loops.detach(made)


def partitioning(loop: loops.Loop, image: Path) -> AioPartitioning:
    state: Any = BlockDeviceState()
    state["blockdev"] = {"image0": {"device": loop.device, "image": str(image)}}
    return AioPartitioning(CONFIG, {}, state)


def test_nodes_come_and_go(shims: Path, loop: loops.Loop, tmp_path: Path) -> None:
    assert shims
    # The fixture's own entry.
    (tmp_path / "journal").unlink()
    table = partitioning(loop, tmp_path / "image.raw")
    for node in table.get_nodes():
        node.create()
    devices = [table.state["blockdev"][name]["device"] for name in ("bios", "root")]
    assert devices == [f"{loop.device}p1", f"{loop.device}p2"]
    assert all(Path(device).is_block_device() for device in devices)
    # Whoever reaps a killed build finds the loop device in the journal.
    assert [e["device"] for e in journal.entries(tmp_path / "journal", "loop")] == [loop.device]
    # DIB unmounts in another process, from a pickle, and asks each partition.
    for node in reversed(pickle.loads(pickle.dumps(table.get_nodes()))):
        node.umount()
    assert loops.partitions(loop.device) == ()


def test_a_failure_later_on_takes_the_nodes_back(
    shims: Path, loop: loops.Loop, tmp_path: Path
) -> None:
    assert shims
    table = partitioning(loop, tmp_path / "image.raw")
    for node in table.get_nodes():
        node.create()
    for node in reversed(table.get_nodes()):
        node.rollback()
    assert loops.partitions(loop.device) == ()


def refuse(_device: str) -> tuple[str, ...]:
    raise HostError("partx: no such ioctl")


def test_device_mapper_where_the_kernel_takes_no_partitions(
    shims: Path, loop: loops.Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = tmp_path / "kpartx-called"
    (shims / "kpartx").write_text(f'#!/bin/sh\necho "$*" >>{called}\n')
    (shims / "kpartx").chmod(0o755)
    monkeypatch.setattr(loops, "add_partitions", refuse)
    table = partitioning(loop, tmp_path / "image.raw")
    for node in table.get_nodes():
        node.create()
    name = Path(loop.device).name
    devices = [table.state["blockdev"][part]["device"] for part in ("bios", "root")]
    assert devices == [f"/dev/mapper/{name}p1", f"/dev/mapper/{name}p2"]
    for node in reversed(table.get_nodes()):
        node.umount()
    assert called.read_text().splitlines() == [f"-a -v -s {loop.device}", f"-d {loop.device}"]


def test_neither_way_names_both_reasons(
    shims: Path, loop: loops.Loop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shims / "kpartx").write_text("#!/bin/sh\necho device-mapper is missing\nexit 1\n")
    (shims / "kpartx").chmod(0o755)
    monkeypatch.setattr(loops, "add_partitions", refuse)
    table = partitioning(loop, tmp_path / "image.raw")
    with pytest.raises(BlockDeviceSetupException, match=r"no such ioctl.*device-mapper is missing"):
        table.get_nodes()[0].create()
