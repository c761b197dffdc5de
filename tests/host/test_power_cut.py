"""The long tests' own harness: a power cut loses what was not flushed, and only that."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aio_image.bake.canary import canary
from aio_image.host.process import run
from tests.boot.native.disk import RootDisk, cut_power
from tests.private import in_private

pytestmark = pytest.mark.host
_SIZE = 64 << 20


@pytest.fixture
def disk(tmp_path: Path) -> RootDisk:
    path = tmp_path / "disk.raw"
    with path.open("wb") as file:
        file.truncate(_SIZE)
    run(["mke2fs", "-q", "-t", "ext4", path])
    return RootDisk(path, 0, _SIZE)


def test_what_was_not_flushed_is_lost(disk: RootDisk, tmp_path: Path) -> None:
    def body() -> None:
        with disk.mounted(tmp_path / "root") as root:
            with (root / "flushed").open("w") as file:
                file.write("flushed")
                file.flush()
                os.fsync(file.fileno())
            (root / "written").write_text("written")
            cut_power(root)
            with pytest.raises(OSError, match=r"Input/output error"):
                (root / "after").write_text("after")
        with disk.mounted(tmp_path / "root") as root:
            assert (root / "flushed").read_text() == "flushed"
            assert not (root / "written").exists()
        assert disk.faults() == ""

    in_private(body)


def test_a_freed_block_is_searched(disk: RootDisk, tmp_path: Path) -> None:
    spelled = canary("0123456789abcdef", "some_password", 40)

    def body() -> None:
        with disk.mounted(tmp_path / "root") as root:
            (root / "gone").write_text(f"password = {spelled}\nchosen = Weak1234\n")
            run(["sync", "-f", root])
            (root / "gone").unlink()
        assert [line.split()[0] for line in disk.find([b"Weak1234"])] == ["Weak1234", spelled]

    in_private(body)


def test_faults_are_told(disk: RootDisk) -> None:
    with disk.path.open("r+b") as file:
        file.seek(1024 + 0x10)  # s_free_inodes_count
        file.write(b"\1\0\0\0")
    assert "Superblock checksum does not match" in disk.faults()
