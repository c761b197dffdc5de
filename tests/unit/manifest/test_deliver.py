"""Handing an image over costs nobody a file, and leaves nothing half-written."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest

from aio_image.errors import AioError, UsageError
from aio_image.manifest.deliver import Delivery, beside, deliver, delivered


def _kept(folder: Path, content: bytes) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    image, manifest = folder / "image.qcow2", folder / "manifest.json"
    image.write_bytes(content)
    facts = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "modified": image.stat().st_mtime_ns,
    }
    manifest.write_text(json.dumps({"image": facts}))
    return image, manifest


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out" / "build" / "mine.qcow2"


def _deliver(tmp_path: Path, target: Path, content: bytes = b"one" * 1000) -> Delivery:
    return deliver(*_kept(tmp_path / "kept", content), target)


def test_three_files_and_a_checksum_that_checks(tmp_path: Path, target: Path) -> None:
    done = _deliver(tmp_path, target)
    assert done.fresh
    assert {path.name for path in target.parent.iterdir()} == {
        "mine.qcow2",
        "mine.qcow2.sha256",
        "mine.manifest.json",
    }
    checked = subprocess.run(
        ["sha256sum", "--check", "--strict", "mine.qcow2.sha256"],
        cwd=target.parent,
        check=False,
        capture_output=True,
    )
    assert checked.returncode == 0


def test_a_second_time_does_nothing(tmp_path: Path, target: Path) -> None:
    image, manifest = _kept(tmp_path / "kept", b"x" * 5000)
    deliver(image, manifest, target)
    before = target.stat()
    again = deliver(image, manifest, target)
    assert not again.fresh
    assert target.stat().st_ino == before.st_ino
    assert delivered(image, manifest, target)


def test_writing_to_the_copy_leaves_the_kept_image_alone(tmp_path: Path, target: Path) -> None:
    image, manifest = _kept(tmp_path / "kept", b"x" * 5000)
    deliver(image, manifest, target)
    target.write_bytes(b"booted")
    assert image.read_bytes() == b"x" * 5000
    assert not delivered(image, manifest, target)


def test_an_older_image_is_replaced(tmp_path: Path, target: Path) -> None:
    _deliver(tmp_path, target, b"old")
    done = _deliver(tmp_path, target, b"new")
    assert done.fresh
    assert done.aside is None
    assert target.read_bytes() == b"new"
    assert len(list(target.parent.iterdir())) == 3


def test_an_image_somebody_booted_is_kept_under_another_name(tmp_path: Path, target: Path) -> None:
    _deliver(tmp_path, target, b"old")
    target.write_bytes(b"my cloud")
    done = _deliver(tmp_path, target, b"new")
    assert done.aside
    assert done.aside.read_bytes() == b"my cloud"
    assert done.aside.suffix == ".qcow2"
    assert target.read_bytes() == b"new"


def test_a_file_that_is_not_ours_is_refused_and_stays(tmp_path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True)
    target.write_bytes(b"precious")
    with pytest.raises(UsageError, match="aio-image did not make it"):
        _deliver(tmp_path, target)
    assert target.read_bytes() == b"precious"
    assert [path.name for path in target.parent.iterdir()] == ["mine.qcow2"]


def test_a_folder_is_no_target(tmp_path: Path, target: Path) -> None:
    target.mkdir(parents=True)
    with pytest.raises(UsageError):
        _deliver(tmp_path, target)


def test_what_a_killed_one_left_is_written_over(tmp_path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True)
    (target.parent / ".mine.qcow2.part").write_bytes(b"half" * 10_000)
    _deliver(tmp_path, target, b"whole")
    assert target.read_bytes() == b"whole"
    assert len(list(target.parent.iterdir())) == 3


def test_a_place_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, target: Path) -> None:
    _deliver(tmp_path, target, b"old")
    blocker = target.parent / ".mine.qcow2.part"
    blocker.mkdir()
    with pytest.raises(AioError):
        _deliver(tmp_path, target, b"new")
    assert target.read_bytes() == b"old"


def test_two_at_once_give_one_whole_image(tmp_path: Path, target: Path) -> None:
    bodies = [bytes([65 + n]) * 3_000_000 for n in range(4)]
    kept = [_kept(tmp_path / f"kept{n}", body) for n, body in enumerate(bodies)]
    failures: list[BaseException] = []

    def work(image: Path, manifest: Path) -> None:
        try:
            deliver(image, manifest, target)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=pair) for pair in kept]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    checksum, _ = beside(target)
    assert target.read_bytes() in bodies
    assert checksum.read_text().split()[0] == hashlib.sha256(target.read_bytes()).hexdigest()
    assert not [path for path in target.parent.iterdir() if path.name.endswith(".part")]
    assert not failures


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_under_sudo_the_files_belong_to_the_caller(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", "1234")
    monkeypatch.setenv("SUDO_GID", "1235")
    _deliver(tmp_path, target)
    for path in (target, *target.parent.iterdir(), target.parent, target.parent.parent):
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1235)
    assert tmp_path.stat().st_uid == 0
