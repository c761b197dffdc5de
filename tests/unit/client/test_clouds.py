"""Merging a cloud into somebody's clouds.yaml: nothing of theirs is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_image.client.clouds import merged, put
from aio_image.errors import UsageError

CLOUD: dict[str, Any] = {
    "auth": {"auth_url": "https://192.0.2.10:5000/v3", "username": "admin", "password": "s3cret"},
    "region_name": "RegionOne",
    "cacert": "/home/me/.config/openstack/aio-ca.pem",
}
MINE = """\
# My clouds. Keep!
cache: {expiration_time: 3600}

clouds:
    # production: careful
    prod:
        auth: {auth_url: "https://prod.example.org/v3"}   # do not touch
        profile: |
          several
            lines

    dev:   # for playing
        auth:
            auth_url: https://dev.example.org/v3
        regions:
        - one
        - two    # the last

# the end
"""


def lines_kept(before: str, after: str) -> bool:
    """Whether every line of ``before`` is in ``after``, in order."""
    left = iter(after.splitlines())
    return all(line in left for line in before.splitlines())


def test_a_new_file(tmp_path: Path) -> None:
    path = tmp_path / "a" / "clouds.yaml"
    assert put(path, "aio", CLOUD)
    assert yaml.safe_load(path.read_text()) == {"clouds": {"aio": CLOUD}}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert not put(path, "aio", CLOUD)
    assert [one.name for one in path.parent.iterdir()] == ["clouds.yaml"]


def test_nothing_of_theirs_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text(MINE)
    path.chmod(0o644)
    assert put(path, "aio", CLOUD)
    text = path.read_text()
    assert lines_kept(MINE, text)
    content = yaml.safe_load(text)
    assert content.pop("clouds") == {**yaml.safe_load(MINE)["clouds"], "aio": CLOUD}
    assert content == {"cache": {"expiration_time": 3600}}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_new_password_of_the_same_cloud(tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text(MINE)
    put(path, "aio", CLOUD)
    put(path, "later", CLOUD | {"region_name": "Elsewhere"})
    with path.open("a") as file:
        file.write("# a last word\n")
    wordy = path.read_text()
    theirs = wordy.replace("region_name: R", 'compute_api_version: "2.79"\n      region_name: R')
    path.write_text(theirs)
    again = {**CLOUD, "auth": {**CLOUD["auth"], "password": "n3w"}}
    assert put(path, "aio", again)
    text = path.read_text()
    assert lines_kept(MINE + "# a last word\n", text)
    clouds = yaml.safe_load(text)["clouds"]
    assert list(clouds) == ["prod", "dev", "aio", "later"]
    # What they had added to ours is theirs.
    assert clouds["aio"] == {**again, "compute_api_version": "2.79"}


def test_another_cloud_of_that_name_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text(MINE)
    with pytest.raises(UsageError, match=r"'dev' is another cloud, at \S+dev\.example\.org"):
        put(path, "dev", CLOUD)
    assert path.read_text() == MINE
    assert put(path, "dev", CLOUD, force=True)
    clouds = yaml.safe_load(path.read_text())["clouds"]
    assert clouds == {"prod": yaml.safe_load(MINE)["clouds"]["prod"], "dev": CLOUD}
    assert "# production: careful" in path.read_text()


@pytest.mark.parametrize(
    "text",
    [
        "clouds:\n", "clouds: {}\n", "clouds: {} # none yet\nx: 1\n", "x: 1\n", "x: 1",
        "---\nx: 1\n",
        "# nothing\n", "\n", "clouds:\r\n  a:\r\n    b: 1\r\n",
        "clouds:\n a:\n  b: >\n   t\n   u\n",
        "clouds:\n  a: {b: 1}  # c\n...\n", "clouds:\n  a:\nother:\n- 1\n",
        'clouds:\n  a: &x\n    b: "q\n\n      r"\n  c: *x\n',
    ],
)  # fmt: skip
def test_ways_to_write_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_bytes(text.encode())
    before = yaml.safe_load(text) or {}
    put(path, "aio", CLOUD)
    after = yaml.safe_load(path.read_bytes())
    assert after == {**before, "clouds": {**(before.get("clouds") or {}), "aio": CLOUD}}
    if "\r\n" in text:
        assert b"\n" not in path.read_bytes().replace(b"\r\n", b"")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("clouds: {a: {b: 1}}\n", "is written with braces"),
        ("{clouds: null}\n", "is written with braces"),
        ("- a\n", "is not a clouds.yaml"),
        ("clouds: [a]\n", "is not a clouds.yaml"),
        ("a: b: c\n", r"clouds\.yaml:1: is not YAML"),
        ("a: 1\n---\nb: 1\n", "is not YAML"),
    ],
)
def test_what_cannot_be_changed_is_left(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "clouds.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=says):
        put(path, "aio", CLOUD)
    assert path.read_text() == text


def test_a_link_stays_one(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles" / "clouds.yaml"
    real.parent.mkdir()
    real.write_text(MINE)
    link = tmp_path / "clouds.yaml"
    link.symlink_to(real)
    put(link, "aio", CLOUD)
    assert link.is_symlink()
    assert "aio" in yaml.safe_load(real.read_text())["clouds"]


_SCALAR = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
_VALUE = st.recursive(
    _SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@settings(deadline=None, max_examples=30)
@given(
    clouds=st.dictionaries(st.text(min_size=1, max_size=8), _VALUE, max_size=4),
    others=st.dictionaries(st.text(max_size=8).filter(lambda key: key != "clouds"), _VALUE),
    indent=st.integers(2, 6),
    before=st.booleans(),
)
def test_any_file_yaml_writes(
    clouds: dict[str, Any],
    others: dict[str, Any],
    indent: int,
    before: bool,
) -> None:
    path = Path("clouds.yaml")
    content = {**others, "clouds": clouds} if before else {"clouds": clouds, **others}
    text = yaml.safe_dump(content, indent=indent, sort_keys=False)
    try:
        once = merged(path, text, "aio", CLOUD, force=True)
    except UsageError as error:
        # Keys that YAML cannot write on a line of their own; nobody's cloud has such a name.
        assert "cannot be changed without loss" in error.message
        assert any(line.lstrip().startswith("? ") for line in text.splitlines())
        return
    assert yaml.safe_load(once) == {**content, "clouds": {**clouds, "aio": CLOUD}}
    assert merged(path, once, "aio", CLOUD, force=False) == once
    twice = merged(path, once, "aio", CLOUD | {"region_name": "X"}, force=False)
    after = yaml.safe_load(twice)
    assert after["clouds"].pop("aio") == CLOUD | {"region_name": "X"}
    assert after == {**content, "clouds": {k: v for k, v in clouds.items() if k != "aio"}}
