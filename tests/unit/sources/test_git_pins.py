"""The lock file: every mistake in one is told at once, with its line."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aio_image.errors import ProfileError
from aio_image.sources.git.pins import LeftOut, Lock, Pin, read

_GOOD = Lock(
    "openstack-ansible",
    "2026.1",
    "33.0.1",
    "aio_metal",
    (Pin("nova", "service", "https://o.example/nova", "a" * 40, "b" * 40, "33.0.0-1-gb", "head"),),
    (LeftOut("frrouting", "role", "https://o.example/frr", "c" * 40),),
)


def _wrong(tmp_path: Path, text: str) -> tuple[str, ...]:
    path = tmp_path / "x.lock.yaml"
    path.write_text(text)
    with pytest.raises(ProfileError) as caught:
        read(path)
    return tuple(line.replace(f"{tmp_path}/", "") for line in caught.value.details)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    text = (
        "format: 2\ndeployer: openstack-ansible\nseries: '2026.1'\nrelease: 33.0.1\n"
        "sources:\n- {name: nova, kind: service, url: u, asked: a, commit: 123456, x: y}\n- nova\n"
        "colour: red\n"
    )
    assert _wrong(tmp_path, text) == (
        "x.lock.yaml:1: format: 2 is not known here",
        "x.lock.yaml:1: scenario: is missing",
        "x.lock.yaml:6: sources[0]: commit: must be text: put it in quotes",
        "x.lock.yaml:6: sources[0]: x: unknown key",
        "x.lock.yaml:7: sources[1]: must be a mapping",
        "x.lock.yaml:8: colour: unknown key",
    )


def test_no_lock_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProfileError) as caught:
        read(tmp_path / "none")
    assert "aio-image lock" in caught.value.hint


def test_what_a_build_depends_on_is_in_the_digest() -> None:
    other = Lock(*[getattr(_GOOD, name) for name in ("deployer", "series", "release", "scenario")],
                 sources=_GOOD.sources)  # fmt: skip
    assert other.digest() != _GOOD.digest()


@given(st.one_of(st.binary(), st.text().map(str.encode)))
def test_no_content_is_a_crash(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("lock") / "x"
    path.write_bytes(data)
    with contextlib.suppress(ProfileError):
        read(path)


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text(_GOOD.text())
    assert read(path) == _GOOD
