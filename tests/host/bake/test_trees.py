"""Layered trees on real overlays: what is read back, what stays, and the way without overlays."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from aio_image.errors import BuildError, HostError
from aio_image.host import trees
from aio_image.host.process import run
from tests.host.bake.conftest import Private
from tests.host.bake.differences import whiteouts

pytestmark = pytest.mark.host

# cap_net_bind_service=ep, revision 2 (capabilities(7), struct vfs_cap_data)
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A step's result with a bit of everything a root file system has."""
    tree = tmp_path / "root" / "tree"
    (tree / "etc/sub").mkdir(parents=True)
    (tree / "etc/sub/one").write_text("one")
    (tree / "etc/two").write_text("two")
    (tree / "bin").mkdir()
    (tree / "bin/ping").write_text("elf")
    os.setxattr(tree / "bin/ping", "security.capability", CAPABILITY)
    os.chown(tree / "etc/two", 107, 108)
    (tree / "etc/two").chmod(0o640)
    os.link(tree / "etc/two", tree / "etc/three")
    (tree / "etc/link").symlink_to("two")
    tree.chmod(0o711)
    return tmp_path / "root"


def change(tree: Path) -> None:
    shutil.rmtree(tree / "etc/sub")
    (tree / "etc/sub").mkdir()
    (tree / "etc/sub/new").write_text("new")
    (tree / "etc/two").unlink()
    run(["mv", tree / "bin", tree / "sbin"])
    (tree / "tmp").mkdir(mode=0o1777)


def check(tree: Path) -> None:
    assert [p.name for p in (tree / "etc/sub").iterdir()] == ["new"]
    assert not (tree / "etc/two").exists()
    assert (tree / "etc/link").is_symlink()
    assert not (tree / "bin").exists()
    assert os.getxattr(tree / "sbin/ping", "security.capability") == CAPABILITY
    three = (tree / "etc/three").stat()
    assert (three.st_uid, three.st_gid, stat.S_IMODE(three.st_mode)) == (107, 108, 0o640)
    assert stat.S_IMODE(tree.stat().st_mode) == 0o711


def test_a_difference_reads_back_as_what_was_made(
    root: Path, tmp_path: Path, private: Private
) -> None:
    bake = tmp_path / "bake"
    bake.mkdir()

    def body() -> None:
        assert trees.overlay_works(tmp_path), "this test's folder has to take overlays"
        with trees.writable([root], bake, tmp_path / "work") as tree:
            change(tree)
            check(tree)
        assert not (bake / trees.WHOLE).exists()
        assert whiteouts(bake / "tree") == {"bin", "etc/two"}
        assert not (bake / "tree/etc/three").exists()
        with trees.merged([root, bake], tmp_path / "work") as tree:
            check(tree)
            with pytest.raises(OSError, match="Read-only"):
                (tree / "etc/x").touch()
        # A third layer may bring back what the second took away.
        seal = tmp_path / "seal"
        seal.mkdir()
        with trees.writable([root, bake], seal, tmp_path / "work") as tree:
            (tree / "etc/two").write_text("back")
        with trees.merged([root, bake, seal], tmp_path / "work") as tree:
            assert (tree / "etc/two").read_text() == "back"
        trees.copy_tree([root, bake], tmp_path / "copy", tmp_path / "work")
        check(tmp_path / "copy")
        assert whiteouts(tmp_path / "copy") == set()

    private(body)
    assert (root / "tree/etc/two").read_text() == "two"
    assert not any((tmp_path / "work").iterdir())
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


def test_where_overlays_do_not_work_the_tree_is_whole(
    root: Path, tmp_path: Path, private: Private
) -> None:
    home = tmp_path / "home"
    home.mkdir()

    def body() -> None:
        # An overlay cannot have its upper layer on an overlay: a home in a container is like that.
        for name in ("lower", "upper", "inner"):
            (tmp_path / name).mkdir()
        run(["mount", "-t", "overlay", "overlay", "-o",
             f"lowerdir={tmp_path}/lower,upperdir={tmp_path}/upper,workdir={tmp_path}/inner",
             home])  # fmt: skip
        assert not trees.overlay_works(home)
        bake, seal = home / "bake", home / "seal"
        bake.mkdir()
        seal.mkdir()
        with trees.writable([root], bake, home / "work") as tree:
            change(tree)
        assert (bake / trees.WHOLE).exists()
        assert trees.stack([root, bake]) == (bake / "tree",)
        assert trees.layers_above([root, bake], 1) == (bake / "tree",)
        with trees.merged([root, bake], home / "work") as tree:
            check(tree)
            with pytest.raises(OSError, match="Read-only"):
                (tree / "etc/x").touch()
        with trees.writable([root, bake], seal, home / "work") as tree:
            check(tree)
            (tree / "etc/three").unlink()
        assert (bake / "tree/etc/three").exists()

    private(body)
    assert (root / "tree/etc/two").exists()


def test_paths_with_what_mount_options_are_made_of(
    root: Path, tmp_path: Path, private: Private
) -> None:
    odd = tmp_path / 'a:b,c=d "e" \\f'
    odd.mkdir()
    shutil.move(root, odd / "root")

    def body() -> None:
        bake = odd / "bake"
        bake.mkdir()
        with trees.writable([odd / "root"], bake, odd / "work") as tree:
            change(tree)
        with trees.merged([odd / "root", bake], odd / "work") as tree:
            check(tree)

    private(body)


def test_what_raises_inside_is_unmounted(root: Path, tmp_path: Path, private: Private) -> None:
    (tmp_path / "bake").mkdir()

    def body() -> None:
        with (
            pytest.raises(ZeroDivisionError),
            trees.writable([root], tmp_path / "bake", tmp_path / "work") as tree,
            (tree / "etc/held").open("w"),
        ):
            _ = 1 / 0
        assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()

    private(body)


def test_a_result_without_a_tree_is_named(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(BuildError, match=f"{tmp_path}/root holds no tree/"):
        trees.stack([tmp_path / "root"])


def test_differences_on_a_host_without_overlays_are_refused(
    root: Path, tmp_path: Path, private: Private
) -> None:
    bake = tmp_path / "bake"
    (bake / "tree").mkdir(parents=True)

    def body() -> None:
        # What a kernel without overlayfs answers, asked for by a mount program that says so.
        (tmp_path / "bin").mkdir()
        mount = tmp_path / "bin/mount"
        says = "mount: unknown filesystem type 'overlay'."
        mount.write_text(f'#!/bin/sh\necho "{says}" >&2; exit 32')
        mount.chmod(0o755)
        run(["mount", "--bind", mount, shutil.which("mount") or ""])
        with (
            pytest.raises(HostError, match="unknown filesystem type") as caught,
            trees.merged([root, bake], tmp_path / "work"),
        ):
            pass
        assert "aio-image clean" in caught.value.hint

    private(body)
