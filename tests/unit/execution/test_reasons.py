"""The one line that says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from aio_image.errors import BuildError, HostError
from aio_image.execution.reasons import disk_full, last_telling_line, reason_of


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("", ""),
        ("one\ntwo\n\n", "two"),
        ("E: no package x\n+ exit 1\ncleaning up\n", "E: no package x"),
        ("\x1b[31merror: red\x1b[0m\n", "error: red"),
        ("10%\r50%\rfailed to write\r", "failed to write"),
        ("an error long ago\n" + "fine\n" * 100, "fine"),
        ("x" * 1000, "x" * 300),
    ],
)
def test_the_telling_line(tmp_path: Path, log: str, line: str) -> None:
    path = tmp_path / "log"
    path.write_text(log)
    assert last_telling_line(path) == line


def test_a_huge_log_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\xff\xfe" * 10_000_000 + b"\nE: last\n")
    assert last_telling_line(path) == "E: last"


def test_a_missing_log_says_nothing(tmp_path: Path) -> None:
    assert last_telling_line(tmp_path / "none") == ""
    assert reason_of(HostError("exit 1 from x"), tmp_path / "none") == "exit 1 from x"


def test_the_reason_is_one_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert reason_of(BuildError("first\nsecond"), log) == "first"
    assert reason_of(ValueError("first\nsecond"), log) == "ValueError: first"


def test_a_log_about_another_full_disk_is_not_ours(tmp_path: Path) -> None:
    """Inside an image a file system may be full while the host has plenty of space."""
    log = tmp_path / "log"
    log.write_text("cp: No space left on device\n")
    assert disk_full(BuildError("mkfs failed"), log, tmp_path) is None


def test_the_kernels_own_word_is_believed(tmp_path: Path) -> None:
    error = BuildError("could not")
    error.__cause__ = OSError(122, "Disk quota exceeded")
    full = disk_full(error, tmp_path / "log", tmp_path)
    assert full is not None
    assert str(tmp_path) in full.message
    assert "AIO_IMAGE_HOME" in full.hint
