"""The pristine archive of a small sealed tree, put back on what an owner made of that tree."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

import pytest

from aio_image.appliance import pristine, reset
from aio_image.appliance.layout import Layout
from aio_image.appliance.problems import ApplianceProblem
from aio_image.bake import pristine as packing
from tests.power_cuts import PowerCut, cut_power_after

RULES = packing.Rules(
    packed=("/etc", "/var", "/root"),
    left=("/var/lib/dpkg", "/var/lib/aio-reset"),
    elsewhere=("/usr/share/aio/images/*",),
    cloud=("/etc/nova", "/etc/neutron", "/root/openrc", "/var/lib/mysql", "/var/lib/aio"),
    secret=("/etc/aio/pki/*", "/etc/openstack_deploy/*"),
)
_CHANGES = [
    (os, name)
    for name in ("unlink", "rename", "replace", "mkdir", "rmdir", "symlink", "link", "chown",
                 "lchown", "setxattr", "pwrite", "fsync", "chmod")
]  # fmt: skip


@pytest.fixture(autouse=True)
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits for all that the whole machine writes."""
    monkeypatch.setattr(os, "sync", lambda: None)


@pytest.fixture
def sealed(image: Layout) -> Layout:
    return seal(image)


def seal(image: Layout) -> Layout:
    """A sealed tree with one of each kind of entry, and its archive."""
    root = image.root
    (root / "var/lib/mysql").mkdir(parents=True)
    (root / "var/lib/mysql/ibdata1").write_bytes(b"\0" * (3 << 20) + b"page" + b"\0" * 4096)
    (root / "var/lib/dpkg").mkdir()
    (root / "var/lib/dpkg/status").write_text("sealed")
    (root / "etc/alternatives").symlink_to("nova/nova.conf")
    (root / "etc/twin").hardlink_to(root / "etc/nova/nova.conf")
    (root / "etc/machine-id").touch(0o444)
    os.setxattr(root / "etc/nova/nova.conf", "user.kept", b"\0\xff")
    (root / "etc/empty").mkdir(mode=0o710)
    (root / "usr/share/aio/images").mkdir()
    for name in ("usr/share/aio/images/tiny", "var/lib/image"):
        (root / name).write_bytes(b"tiny" * (1 << 19))
    packing.pack(RULES, root)
    return image


def snapshot(root: Path) -> dict[str, tuple[object, ...]]:
    """All that reset answers for."""
    found: dict[str, tuple[object, ...]] = {}
    for top in RULES.packed:
        for folder, folders, names in os.walk(root / top.lstrip("/")):
            for name in [*folders, *names, "."]:
                path = Path(folder, name)
                about = path.lstat()
                content: object = None
                if stat.S_ISREG(about.st_mode):
                    content = path.read_bytes()
                elif path.is_symlink():
                    content = path.readlink()
                tags = (
                    {key: os.getxattr(path, key) for key in os.listxattr(path)}
                    if (not path.is_symlink())
                    else {}
                )
                shown = os.path.relpath(path, root)
                if not shown.startswith(("var/lib/dpkg", "var/lib/aio-reset")):
                    found[shown] = (oct(about.st_mode), about.st_uid, content, tags)
    return found


def use(layout: Layout) -> None:
    """What weeks of use do to an appliance."""
    root = layout.root
    (root / "etc/machine-id").chmod(0o644)
    (root / "etc/machine-id").write_text("0" * 32)
    (root / "etc/nova/nova.conf").write_text("password = new-secret")
    (root / "var/lib/mysql/ibdata1").write_bytes(b"tenant data")
    (root / "var/lib/dpkg/status").write_text("more packages")
    (root / "etc/openstack_deploy").mkdir()
    (root / "etc/openstack_deploy/user_secrets.yml").write_text("admin: new-secret")
    (root / "etc/alternatives").unlink()
    (root / "etc/alternatives").mkdir()
    (root / "etc/alternatives/x").touch()
    (root / "etc/empty").rmdir()
    (root / "etc/empty").write_text("now a file")
    (root / "var/lib/image").unlink()
    (root / "root/openrc").chmod(0o777)
    os.setxattr(root / "root/openrc", "user.foreign", b"x")
    (root / "openstack/deep").mkdir(parents=True)
    (root / "openstack/deep/own.txt").write_text("the owner's")


def test_reset_brings_back_every_entry(sealed: Layout) -> None:
    before = snapshot(sealed.root)
    use(sealed)
    reset.place(sealed, reset.RESET)
    assert sealed.system_update.readlink() == Path("/var/lib/aio-reset")
    assert snapshot(sealed.root) != before, "placing an order changes nothing by itself"
    assert reset.carry_out(sealed, lambda *_: None) == reset.RESET
    assert snapshot(sealed.root) == before
    twin, conf = (sealed.root / name for name in ("etc/twin", "etc/nova/nova.conf"))
    assert twin.samefile(conf)
    data = (sealed.root / "var/lib/mysql/ibdata1").stat()
    assert data.st_blocks * 512 < data.st_size / 10, "InnoDB's zeroes are holes"
    assert (sealed.root / "var/lib/dpkg/status").read_text() == "more packages"
    assert (sealed.root / "openstack/deep/own.txt").exists()
    assert not sealed.reset_order.exists() and not sealed.system_update.is_symlink()
    assert reset.carry_out(sealed, lambda *_: None) is None


def test_rebuild_leaves_all_but_the_cloud(sealed: Layout) -> None:
    before = snapshot(sealed.root)
    use(sealed)
    reset.place(sealed, reset.REBUILD)
    reset.carry_out(sealed, lambda *_: None)
    after = snapshot(sealed.root)
    for path, was in before.items():
        if path.startswith(("etc/nova", "etc/neutron", "root/openrc", "var/lib/mysql")):
            assert after[path] == was
    secrets = sealed.root / "etc/openstack_deploy/user_secrets.yml"
    assert secrets.read_text() == "admin: new-secret"
    assert (sealed.root / "etc/machine-id").read_text() == "0" * 32


def test_old_secrets_are_overwritten_where_they_stand(sealed: Layout, tmp_path: Path) -> None:
    use(sealed)
    other = tmp_path / "same-blocks"
    other.hardlink_to(sealed.root / "etc/openstack_deploy/user_secrets.yml")
    conf = tmp_path / "conf"
    conf.hardlink_to(sealed.root / "etc/nova/nova.conf")
    reset.place(sealed, reset.RESET)
    reset.carry_out(sealed, lambda *_: None)
    assert set(other.read_bytes()) == {0} == set(conf.read_bytes())


def test_a_power_cut_at_any_change_ends_the_same(
    sealed: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(sealed.root)
    use(sealed)
    reset.place(sealed, reset.RESET)
    kept = tmp_path / "kept"
    shutil.copytree(sealed.root, kept, symlinks=True)
    cut_at_each(sealed, kept, before, monkeypatch, step=23)


def cut_at_each(
    sealed: Layout,
    kept: Path,
    before: dict[str, tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    step: int,
) -> None:
    """Cut the power at every ``step``-th change of a reset of ``kept``: the end is ``before``."""
    calls, over = 0, False
    while not over:
        calls += step
        shutil.rmtree(sealed.root)
        shutil.copytree(kept, sealed.root, symlinks=True)
        with monkeypatch.context() as cut:
            cut_power_after(cut, calls, _CHANGES)
            with contextlib.suppress(PowerCut):
                reset.carry_out(sealed, lambda *_: None)
                over = True
        reset.carry_out(sealed, lambda *_: None)
        assert snapshot(sealed.root) == before
        # The link alone is removed by systemd's system-update-cleanup.service.
        assert not sealed.reset_order.exists()
    assert calls > 60


def test_a_damaged_archive_is_refused_before_anything_changes(sealed: Layout) -> None:
    use(sealed)
    reset.place(sealed, reset.RESET)
    used = snapshot(sealed.root)
    content = bytearray(sealed.pristine.read_bytes())
    content[len(content) // 2] ^= 0xFF
    sealed.pristine.write_bytes(content)
    with pytest.raises(ApplianceProblem, match="cannot be read"):
        reset.carry_out(sealed, lambda *_: None)
    assert snapshot(sealed.root) == used
    assert not sealed.reset_order.exists(), "it is taken back"
    with pytest.raises(ApplianceProblem, match="cannot be read"):
        reset.place(sealed, reset.RESET)


def test_a_missing_copy_is_refused(sealed: Layout) -> None:
    (sealed.root / "usr/share/aio/images/tiny").unlink()
    with pytest.raises(ApplianceProblem, match="images/tiny: not there"):
        reset.place(sealed, reset.RESET)


def test_an_order_is_taken_back_until_it_has_begun(sealed: Layout) -> None:
    assert not reset.cancel(sealed)
    reset.place(sealed, reset.RESET)
    assert reset.cancel(sealed)
    assert not sealed.system_update.is_symlink()
    reset.place(sealed, reset.REBUILD)
    order = sealed.reset_order.read_text().replace("false", "true")
    sealed.reset_order.write_text(order)
    for call in (lambda: reset.cancel(sealed), lambda: reset.place(sealed, reset.RESET)):
        with pytest.raises(ApplianceProblem, match="has begun"):
            call()


def test_equal_trees_give_equal_archives(sealed: Layout) -> None:
    first = sealed.pristine.read_bytes()
    packing.pack(RULES, sealed.root)
    assert sealed.pristine.read_bytes() == first
    assert stat.S_IMODE(sealed.pristine.stat().st_mode) == 0o600


def test_an_image_without_archive_says_so(image: Layout) -> None:
    with pytest.raises(ApplianceProblem, match="not there"):
        reset.place(image, reset.RESET)
    image.pristine_index.write_text('{"format": 1}')
    with pytest.raises(ApplianceProblem, match="damaged"):
        pristine.load(image)
