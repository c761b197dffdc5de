"""Mirrors of git hosts: which address is really asked, and what git is told of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aio_image.errors import UsageError
from aio_image.sources.git.mirrors import VARIABLE, GitMirrors, chosen


@pytest.fixture(autouse=True)
def _no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_a_folder_stands_for_the_hosts_it_has(tmp_path: Path) -> None:
    (tmp_path / "opendev.org").mkdir()
    (tmp_path / "notes").mkdir()
    assert chosen([str(tmp_path)]).hosts == {"opendev.org": f"file://{tmp_path}/opendev.org"}


def test_a_url_stands_for_both_hosts_and_one_may_be_another() -> None:
    found = chosen(["https://git.example.org/mirror/", "github.com=ssh://git@here/gh"])
    assert found.where("https://opendev.org/openstack/nova") == (
        "https://git.example.org/mirror/opendev.org/openstack/nova"
    )
    assert found.where("https://github.com/novnc/noVNC") == "ssh://git@here/gh/novnc/noVNC"
    assert found.where("https://gitlab.example.org/a/b") == "https://gitlab.example.org/a/b"


def test_the_command_line_wins_over_the_environment_over_the_profile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    profile = {"opendev.org": "https://p.example/o", "github.com": "https://p.example/g"}
    monkeypatch.setenv(VARIABLE, "opendev.org=https://e.example/o")
    assert chosen([], profile).hosts["opendev.org"] == "https://e.example/o"
    assert chosen([], profile).hosts["github.com"] == "https://p.example/g"
    found = chosen(["opendev.org=https://c.example/o"], profile)
    assert found.hosts["opendev.org"] == "https://c.example/o"


def test_every_wrong_word_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        chosen(["/no/such/folder", "what ever=x"])
    assert len(caught.value.details) == 2


def test_git_itself_is_redirected(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(GitMirrors({"opendev.org": "file:///srv/o"}).config())
    asked = "https://opendev.org/openstack/nova"
    done = subprocess.run(
        ["git", "ls-remote", "--get-url", asked],
        env={"GIT_CONFIG_GLOBAL": str(config), "GIT_CONFIG_NOSYSTEM": "1", "PATH": "/usr/bin"},
        capture_output=True, text=True, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.strip() == "file:///srv/o/openstack/nova"
