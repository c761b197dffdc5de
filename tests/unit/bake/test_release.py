"""Which build a tree is of: a bake id that is there stays, and what stands beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from aio_image.bake import release
from aio_image.bake.bake import known_release, variables
from aio_image.errors import BuildError

KEY = "fedcba9876543210" * 4
WRITTEN = """\
bake_id: 0123456789abcdef
deployer: openstack-ansible
scenario: aio_metal
release: 33.0.1
series: '2026.1'
"""
SETTINGS = {
    "deployer": "debian", "scenario": "aio_metal", "services": ["keystone"], "dormant": [],
}  # fmt: skip


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / release.PATH
    path.parent.mkdir(parents=True)
    path.write_text(WRITTEN)
    return path


def test_the_first_to_write_canaries_chooses_the_bake_id(tmp_path: Path) -> None:
    assert known_release(tmp_path, KEY) == {"bake_id": KEY[:16]}
    assert variables(known_release(tmp_path, KEY), SETTINGS)["aio_release"] == {}


@pytest.mark.usefixtures("written")
def test_what_an_earlier_step_wrote_stays(tmp_path: Path) -> None:
    given = variables(known_release(tmp_path, KEY), SETTINGS)
    assert given["aio_bake_id"] == "0123456789abcdef"
    assert given["aio_release"] == {"release": "33.0.1", "series": "2026.1"}
    other = variables({"bake_id": KEY[:16]}, SETTINGS)
    assert not set(given["aio_secrets"].values()) & set(other["aio_secrets"].values())


@pytest.mark.parametrize("text", ["", "[]", "deployer: x\n", "{", "bake_id: 0123456789ABCDEF\n"])
def test_no_bake_id_is_an_error(tmp_path: Path, written: Path, text: str) -> None:
    written.write_text(text)
    with pytest.raises(BuildError, match=r"/etc/aio/release\.yaml.*bake id"):
        known_release(tmp_path, KEY)
