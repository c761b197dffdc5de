"""The root step, for real: what is in the tree, and what must not be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aio_image.dib import root
from aio_image.errors import BuildError, MirrorError
from tests.host.dib.builds import ROOT_SETTINGS, Build

pytestmark = pytest.mark.host


@pytest.fixture
def tree(small_root: Path) -> Path:
    return small_root / "tree"


def in_tree(tree: Path, *words: str, check: bool = True) -> str:
    done = subprocess.run(["chroot", tree, *words], capture_output=True, text=True, check=check)
    return done.stdout


def test_every_package_is_configured(tree: Path, small_root: Path) -> None:
    assert in_tree(tree, "dpkg", "--audit") == ""
    listed = (small_root / "packages.txt").read_text().splitlines()
    names = [line.split()[0] for line in listed]
    assert names == sorted(names)
    assert set(ROOT_SETTINGS["packages"]) <= set(names)
    assert all(len(line.split()) == 3 and line.split()[2].isdigit() for line in listed)


def test_names_are_stood_in_for(tree: Path) -> None:
    shown = in_tree(tree, "dpkg-query", "--show", "--showformat=${Provides}", "aio-stand-in")
    assert shown == "aio-nothing, aio-more-of-nothing"


def test_shortcuts_leave_no_trace(tree: Path) -> None:
    assert ".aio" not in in_tree(tree, "dpkg-divert", "--list")
    for program in ("usr/bin/py3compile", "usr/sbin/update-initramfs"):
        assert (tree / program).stat().st_size > 1000
        assert not (tree / f"{program}.aio").exists()
    assert not (tree / "usr/sbin/policy-rc.d").exists()
    assert list((tree / "var/tmp").iterdir()) == []
    assert list((tree / "tmp").iterdir()) == []
    # dpkg also lists what it was told to leave out.
    packages = ("dpkg", "python3-minimal", "initramfs-tools")
    verified = in_tree(tree, "dpkg", "--verify", *packages, check=False)
    assert [line for line in verified.splitlines() if not line.startswith("missing")] == []


def test_python_is_compiled(tree: Path) -> None:
    modules = list((tree / "usr/lib/python3/dist-packages/yaml").glob("*.py"))
    assert modules
    for module in modules:
        [compiled] = (module.parent / "__pycache__").glob(f"{module.stem}.cpython-*.pyc")
        assert compiled.stat().st_mtime > 0


def test_nothing_of_the_build_host_is_in_it(tree: Path) -> None:
    assert (tree / "etc/hostname").read_text() == "aio\n"
    assert str((tree / "etc/resolv.conf").readlink()).endswith(
        "run/systemd/resolve/stub-resolv.conf"
    )
    assert (tree / "etc/machine-id").read_bytes() == b""
    [sources] = (tree / "etc/apt/sources.list.d").iterdir()
    assert "http://deb.debian.org/debian\n" in sources.read_text()
    options = "".join(path.read_text() for path in (tree / "etc/apt/apt.conf.d").iterdir())
    assert "Proxy" not in options
    assert [path.name for path in (tree / "etc/dpkg/dpkg.cfg.d").iterdir()] == ["aio-image"]
    assert list((tree / "var/cache/apt/archives").glob("*.deb")) == []
    lists = [path for path in (tree / "var/lib/apt/lists").iterdir() if path.is_file()]
    assert [path.name for path in lists if path.stat().st_size] == []


def test_left_out_is_left_out(tree: Path) -> None:
    assert not list((tree / "usr/share/man").rglob("*.gz"))
    assert not (tree / "usr/share/bash-completion/completions").exists()
    assert list((tree / "usr/share/doc").rglob("copyright"))
    others = [p for p in (tree / "usr/share/doc").rglob("*") if p.is_file()]
    # base-files and such write some by their own scripts.
    assert len([path for path in others if path.name != "copyright"]) < 10


def test_it_can_start(tree: Path) -> None:
    [kernel] = (tree / "boot").glob("vmlinuz-*")
    initramfs = tree / "boot" / kernel.name.replace("vmlinuz", "initrd.img")
    listed = in_tree(tree, "lsinitramfs", f"/boot/{initramfs.name}")
    assert "virtio_blk.ko" in listed
    assert initramfs.stat().st_size < 20 * 2**20
    enabled = tree / "etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
    assert enabled.is_symlink()


def test_the_tiny_image_is_a_disk(tree: Path) -> None:
    image = tree / "usr/share/aio/images/aio-tiny.qcow2"
    assert image.stat().st_size < 15 * 2**20
    subprocess.run(["qemu-img", "check", "-q", image], check=True)


def test_progress_names_hooks_and_goes_up(small_root: Path, small_build: Build) -> None:
    assert small_root
    messages = [message for message, _ in small_build.told]
    assert "aio-root/root.d/10-aio-root" in messages
    assert any(message.startswith("setting up ") for message in messages)
    installing = [
        fraction
        for message, fraction in small_build.told
        if fraction is not None and message.startswith(("unpacking", "setting up"))
    ]
    assert installing == sorted(installing)
    assert installing[-1] == 1.0


def test_an_unknown_package_is_named(small_build: Build) -> None:
    settings = {**ROOT_SETTINGS, "packages": ["no-such-package-anywhere"]}
    context = small_build.context("root-unknown", settings)
    with pytest.raises(BuildError) as caught:
        root.run(context)
    # As far as it came, for somebody to look inside (execution/keep_failed.py).
    assert (context.output / "tree/etc/debian_version").is_file()
    assert "aio-root/root.d/10-aio-root" in caught.value.message
    assert "no-such-package-anywhere" in caught.value.message
    assert caught.value.log is not None
    assert "no-such-package-anywhere" in caught.value.log.read_text()


def test_a_mirror_without_the_release_is_named(small_build: Build) -> None:
    # Nothing listens on the discard port of this very machine.
    settings = {**ROOT_SETTINGS, "mirrors.debian": "http://127.0.0.1:9/debian"}
    with pytest.raises(MirrorError, match="no Debian mirror serves trixie"):
        root.run(small_build.context("root-mirror", settings))
