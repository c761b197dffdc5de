"""Trees are removed, and mounts in them are not: a bind mount looks like a part of the tree."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aio_image.errors import HostError
from aio_image.host import mounts

pytestmark = pytest.mark.host


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """A tree, and a folder outside that is bind-mounted in it, of the same file system."""
    tree, precious = tmp_path / "a tree\twith \\odd name", tmp_path / "precious"
    point = tree / "deep" / "mnt"
    for folder in (point, precious):
        folder.mkdir(parents=True)
    (tree / "file").write_text("x")
    (precious / "file").write_text("keep")
    subprocess.run(["mount", "--bind", precious, point], check=True)
    yield tree, precious
    subprocess.run(["umount", "--quiet", point], check=False)


def test_a_tree_with_a_mount_stays_whole(bound: tuple[Path, Path]) -> None:
    tree, precious = bound
    with pytest.raises(HostError, match="something is mounted in it") as caught:
        mounts.remove_tree(tree)
    assert str(tree / "deep" / "mnt") in caught.value.hint
    assert (tree / "file").exists()
    assert (precious / "file").exists()
    (mount,) = mounts.mounts_below(tree)
    mounts.unmount(mount)
    mounts.remove_tree(tree)
    assert not tree.exists()
    assert (precious / "file").read_text() == "keep"


def test_the_deepest_mount_comes_first(tmp_path: Path) -> None:
    for path in (tmp_path / "a", tmp_path / "a" / "b"):
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "none", path], check=True)
    found = mounts.mounts_below(tmp_path)
    for mount in found:
        mounts.unmount(mount)
    assert [each.point.name for each in found] == ["b", "a"]
    assert mounts.mounts_below(tmp_path) == ()


def test_a_busy_mount_is_out_of_the_way_at_once(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=True)
    with (tmp_path / "open").open("w"):
        (mount,) = mounts.mounts_below(tmp_path)
        mounts.unmount(mount)
        assert mounts.mounts_below(tmp_path) == ()


def test_a_link_is_removed_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "link").symlink_to(target)
    mounts.remove_tree(tmp_path / "link")
    mounts.remove_tree(tmp_path / "link")
    assert target.is_dir()
    assert not (tmp_path / "link").is_symlink()
