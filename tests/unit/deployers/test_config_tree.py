"""The module that writes a role's files: right content, right owner, nothing done twice."""

from __future__ import annotations

import grp
import importlib.util
import os
import pwd
from pathlib import Path
from types import ModuleType

import pytest

from aio_image.paths import resource


@pytest.fixture(scope="module")
def config_tree() -> ModuleType:
    source = resource("playbooks") / "library" / "config_tree.py"
    spec = importlib.util.spec_from_file_location("config_tree", source)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def me() -> dict[str, str]:
    """A rule that whoever runs the tests may set."""
    return {
        "owner": pwd.getpwuid(os.geteuid()).pw_name,
        "group": grp.getgrgid(os.getegid()).gr_name,
        "mode": "0640",
    }


def test_writes_once(config_tree: ModuleType, me: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "etc" / "nova.conf"
    assert config_tree._write(target, "[DEFAULT]\n", me)
    assert target.read_text() == "[DEFAULT]\n"
    assert target.stat().st_mode & 0o777 == 0o640
    assert not config_tree._write(target, "[DEFAULT]\n", me)
    assert [path.name for path in target.parent.iterdir()] == ["nova.conf"]


def test_mends_a_mode(config_tree: ModuleType, me: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("x")
    target.chmod(0o666)
    assert config_tree._write(target, "x", me)
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_link_in_the_way_is_replaced_not_followed(
    config_tree: ModuleType, me: dict[str, str], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("keep")
    target = tmp_path / "file"
    target.symlink_to(elsewhere)
    assert config_tree._write(target, "new", me)
    assert elsewhere.read_text() == "keep"
    assert not target.is_symlink()


def test_links(config_tree: ModuleType, tmp_path: Path) -> None:
    link = tmp_path / "wants" / "unit"
    assert config_tree._link(link, "/dev/null")
    assert not config_tree._link(link, "/dev/null")
    assert config_tree._link(link, "../unit")
    assert str(link.readlink()) == "../unit"


def test_absent(config_tree: ModuleType, tmp_path: Path) -> None:
    dangling = tmp_path / "dangling"
    dangling.symlink_to("nowhere")
    assert config_tree._absent(dangling)
    assert not dangling.is_symlink()
    assert not config_tree._absent(dangling)


def test_folders(config_tree: ModuleType, me: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert config_tree._folder(folder, me | {"mode": "1777"})
    assert folder.stat().st_mode & 0o7777 == 0o1777
    assert not config_tree._folder(folder, me | {"mode": "1777"})


def test_an_unknown_owner_leaves_no_open_file(
    config_tree: ModuleType, me: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(KeyError):
        config_tree._write(tmp_path / "file", "secret", me | {"owner": "nobody-of-this-name"})
    assert not (tmp_path / "file").exists()
    for left in tmp_path.iterdir():
        assert left.stat().st_mode & 0o077 == 0
