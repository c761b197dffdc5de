"""Where the gate looks for canaries after the first boot of its copy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from aio_image.bake.canary import canary
from aio_image.bake.gate import canaries_left
from aio_image.host import trees

VALUE = canary("0123456789abcdef", "keystone_auth_admin_password", 40)
LEDGER = {"secrets": [{"name": "admin", "files": ["/etc/nova/nova.conf", "/root/openrc"]}]}


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A sealed tree: its ledger, two files with canaries, one of them where a link leads."""
    tree = tmp_path / "seal" / trees.TREE
    for folder in ("usr/lib/aio", "root", "openstack/etc/nova", "etc", "var"):
        (tree / folder).mkdir(parents=True)
    (tree / "usr/lib/aio/ledger.json").write_text(json.dumps(LEDGER))
    (tree / "etc/nova").symlink_to("/openstack/etc/nova")
    for name in ("root/openrc", "openstack/etc/nova/nova.conf"):
        (tree / name).write_text(f"password={VALUE}\n")
    return tmp_path / "seal"


@pytest.fixture
def booted(tmp_path: Path) -> Path:
    """What its first boot wrote: one secret, and nothing of the other."""
    tree = tmp_path / "gate" / trees.TREE
    (tree / "root").mkdir(parents=True)
    (tree / "root/openrc").write_text("password=new\n")
    return tmp_path / "gate"


def left(sealed: Path, booted: Path) -> list[str]:
    merged = sealed.parent / "merged"
    shutil.copytree(sealed / trees.TREE, merged, symlinks=True)
    shutil.copytree(booted / trees.TREE, merged, symlinks=True, dirs_exist_ok=True)
    return [one.path for one in canaries_left([sealed], booted, merged)]


def test_a_place_of_the_ledger_that_the_boot_left_alone(sealed: Path, booted: Path) -> None:
    assert left(sealed, booted) == ["/openstack/etc/nova/nova.conf"]


def test_a_file_that_the_boot_has_written(sealed: Path, booted: Path) -> None:
    (booted / trees.TREE / "var").mkdir()
    (booted / trees.TREE / "var/copy").write_text(VALUE)
    assert left(sealed, booted) == ["/openstack/etc/nova/nova.conf", "/var/copy"]
