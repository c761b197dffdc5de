"""Fetching from an image's shallow repositories as uv does it, with real git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from aio_image.bake.osa.shallow import template

_GIT = "opt/aio/git"
_PLACE = f"{_GIT}/template"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A tree with a shallow bare repository: a tag, and a commit after it that no tag names."""
    upstream = tmp_path / "upstream"
    upstream.mkdir()
    _git(upstream, "init", "--quiet", "--initial-branch=master")
    for number in range(4):
        _git(upstream, "commit", "--quiet", "--allow-empty", "-m", f"change {number}")
        if number == 2:
            _git(upstream, "tag", "25.7.3")
    copy = tmp_path / "image" / _GIT / "opendev.org/openstack/horizon.git"
    copy.mkdir(parents=True)
    _git(copy, "init", "--quiet", "--bare", "--initial-branch=master")
    _git(
        copy,
        "fetch",
        "--quiet",
        "--depth=3",
        f"file://{upstream}",
        "+master:master",
        "+25.7.3:refs/tags/25.7.3",
    )
    assert (copy / "shallow").is_file()
    return tmp_path / "image"


def test_what_uv_clones_has_the_tags(image: Path, tmp_path: Path) -> None:
    template(image, f"/{_GIT}", f"/{_PLACE}")
    alternates = image / _PLACE / "objects/info/alternates"
    assert alternates.read_text() == f"/{_GIT}/opendev.org/openstack/horizon.git/objects\n"
    # The image is not where it thinks it is.
    alternates.write_text(alternates.read_text().replace(f"/{_GIT}", f"{image / _GIT}"))
    described = _as_uv(image, tmp_path, {"GIT_TEMPLATE_DIR": str(image / _PLACE)})
    assert described.startswith("25.7.3-1-g")


def test_without_it_there_are_none(image: Path, tmp_path: Path) -> None:
    """If this fails, git or uv need no template any more."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _as_uv(image, tmp_path, {})
    assert "describe" in caught.value.cmd


def _as_uv(image: Path, folder: Path, environment: dict[str, str]) -> str:
    """What uv 0.9 runs for a requirement with a whole commit id; then what pbr looks at."""
    source = image / _GIT / "opendev.org/openstack/horizon.git"
    commit = _git(source, "rev-parse", "master")
    kept, checkout = folder / "kept", folder / "checkout"
    kept.mkdir()
    _git(kept, "init", "--quiet", **environment)
    everything = ("+refs/heads/*:refs/remotes/origin/*", "+HEAD:refs/remotes/origin/HEAD")
    words = ("fetch", "--tags", "--force", "--update-head-ok", f"file://{source}")
    _git(kept, *words, *everything, **environment)
    _git(folder, "clone", "--quiet", "--local", str(kept), str(checkout), **environment)
    _git(checkout, "reset", "--quiet", "--hard", commit, **environment)
    return _git(checkout, "describe", "--tags", **environment)


def _git(folder: Path, *words: str, **environment: str) -> str:
    name = {
        f"GIT_{who}_{what}": "aio" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    alone = {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "PATH": os.environ["PATH"],
    }
    done = subprocess.run(
        ["git", *words],
        cwd=folder,
        env={**alone, **name, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
