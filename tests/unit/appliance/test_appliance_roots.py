"""Where files of containers are; links lead where they would lead a system that runs there."""

from __future__ import annotations

from pathlib import Path

import pytest

from aio_image.appliance import roots
from aio_image.appliance.problems import ApplianceProblem


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "openstack/venvs/nova-33/etc/nova").mkdir(parents=True)
    (folder / "etc").mkdir()
    return folder


def test_an_absolute_link_begins_at_the_root(root: Path) -> None:
    (root / "etc/nova").symlink_to("/openstack/venvs/nova-33/etc/nova")
    assert roots.real(root, "/etc/nova/nova.conf") == "/openstack/venvs/nova-33/etc/nova/nova.conf"


def test_a_relative_link_begins_where_it_is(root: Path) -> None:
    (root / "etc/nova").symlink_to("../openstack/venvs/nova-33")
    assert roots.real(root, "/etc/nova/../x") == "/openstack/venvs/x"
    (root / "etc/x.conf").symlink_to("../../../../etc/y.conf")
    assert roots.real(root, "/etc/x.conf") == "/etc/y.conf"


def test_without_links_it_stays(root: Path) -> None:
    assert roots.real(root, "/etc/nothing/here") == "/etc/nothing/here"


def test_a_circle_is_an_error(root: Path) -> None:
    (root / "etc/a").symlink_to("/etc/b")
    (root / "etc/b").symlink_to("a")
    with pytest.raises(ApplianceProblem, match="/etc/a/x: its symbolic links lead in a circle"):
        roots.real(root, "/etc/a/x")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("aio1-nova-1", "aio1-galera-2"):
        (tmp_path / "var/lib/lxc" / name / "rootfs/etc").mkdir(parents=True)
    (tmp_path / "var/lib/lxc/template").mkdir()
    return tmp_path


def test_a_container_is_what_has_a_root(tree: Path) -> None:
    assert roots.containers(tree) == {
        "aio1-galera-2": "/var/lib/lxc/aio1-galera-2/rootfs",
        "aio1-nova-1": "/var/lib/lxc/aio1-nova-1/rootfs",
    }
    assert roots.every(tree)[0] == roots.HOST


def test_a_file_is_found_in_every_file_system_that_has_it(tree: Path) -> None:
    nova = tree / "var/lib/lxc/aio1-nova-1/rootfs"
    (nova / "openstack/venvs/nova-33/etc").mkdir(parents=True)
    (nova / "openstack/venvs/nova-33/etc/nova.conf").touch()
    (nova / "etc/nova").symlink_to("/openstack/venvs/nova-33/etc")
    assert list(roots.places(tree, "/etc/nova/nova.conf")) == [
        "/var/lib/lxc/aio1-nova-1/rootfs/openstack/venvs/nova-33/etc/nova.conf"
    ]
    (tree / "etc/nova").mkdir(parents=True)
    (tree / "etc/nova/nova.conf").touch()
    assert next(roots.places(tree, "/etc/nova/nova.conf")) == "/etc/nova/nova.conf"


def test_a_user_has_the_numbers_of_its_own_file_system(tree: Path) -> None:
    home = tree / "var/lib/lxc/aio1-nova-1/rootfs"
    (home / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nnova:x:997:996::/:/x\n")
    assert roots.ids(home, "nova") == (997, 996)
    with pytest.raises(ApplianceProblem, match="has no user glance"):
        roots.ids(home, "glance")
