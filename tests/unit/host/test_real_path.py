"""Links of a tree lead where they would lead a system that runs in it, never out of the tree."""

from __future__ import annotations

from pathlib import Path

import pytest

from aio_image.errors import BuildError
from aio_image.host.trees import real_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "openstack/venvs/nova-33/etc/nova").mkdir(parents=True)
    (folder / "etc").mkdir()
    return folder


def test_an_absolute_link_begins_at_the_root(root: Path) -> None:
    (root / "etc/nova").symlink_to("/openstack/venvs/nova-33/etc/nova")
    assert real_path(root, "/etc/nova/nova.conf") == "/openstack/venvs/nova-33/etc/nova/nova.conf"


def test_a_relative_link_begins_where_it_is(root: Path) -> None:
    (root / "etc/nova").symlink_to("../openstack/venvs/nova-33")
    assert real_path(root, "/etc/nova/../x") == "/openstack/venvs/x"
    (root / "etc/x.conf").symlink_to("../../../../etc/y.conf")
    assert real_path(root, "/etc/x.conf") == "/etc/y.conf"


def test_without_links_it_stays(root: Path) -> None:
    assert real_path(root, "/etc/nothing/here") == "/etc/nothing/here"


def test_a_circle_is_an_error(root: Path) -> None:
    (root / "etc/a").symlink_to("/etc/b")
    (root / "etc/b").symlink_to("a")
    with pytest.raises(BuildError, match="/etc/a/x: its symbolic links lead in a circle"):
        real_path(root, "/etc/a/x")
