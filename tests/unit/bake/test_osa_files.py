"""Writing into a tree that is not running."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aio_image.bake.osa import files


def test_a_path_of_the_image_is_below_its_root(tmp_path: Path) -> None:
    assert files.inside(tmp_path, "/etc/hosts") == tmp_path / "etc/hosts"
    assert files.inside(tmp_path, "etc/hosts") == tmp_path / "etc/hosts"


def test_a_secret_is_nobody_elses_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither before it has its mode, nor by a name of the file that was there before."""
    target = tmp_path / "etc/secret"
    target.parent.mkdir()
    target.write_text("before")
    target.chmod(0o644)
    held = target.open(encoding="utf-8")
    modes = []
    make = os.fdopen

    def fdopen(handle: int, *words: str, encoding: str) -> object:
        modes.append(os.fstat(handle).st_mode & 0o777)
        return make(handle, *words, encoding=encoding)

    monkeypatch.setattr(os, "fdopen", fdopen)
    files.write(tmp_path, "/etc/secret", "pässword", 0o600)
    assert modes == [0o600]
    with held:
        assert held.read() == "before"
    assert target.read_text(encoding="utf-8") == "pässword"
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """Of a tree that names a file of the build host."""
    root, host = tmp_path / "tree", tmp_path / "host.conf"
    host.write_text("the host's")
    (root / "etc").mkdir(parents=True)
    (root / "etc/some.conf").symlink_to(host)
    files.write(root, "/etc/some.conf", "the image's")
    assert host.read_text() == "the host's"
    assert not (root / "etc/some.conf").is_symlink()


def test_folders_are_made_and_the_umask_takes_nothing_away(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        files.write(tmp_path, "/usr/local/sbin/program", "#!/bin/sh\n", 0o755)
        files.write(tmp_path, "/usr/local/share/table", "")
    finally:
        os.umask(before)
    assert (tmp_path / "usr/local/sbin/program").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "usr/local/share/table").stat().st_mode & 0o777 == 0o644
