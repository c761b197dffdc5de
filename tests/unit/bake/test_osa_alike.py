"""What containers have alike is there once, in folders of programs and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aio_image.bake.osa import alike

NAMES = (
    "aio1-glance-container-0f0f0f0f",
    "aio1-keystone-container-2d2d2d2d",
    "aio1-nova-api-container-1e1e1e1e",
)
# A service's own libraries: uv gives them the time at which it installed them.
LIB = "openstack/venvs/glance-33/lib/six.py"
FRESH = "usr/lib/python3/fresh.py"
COMPILED = "usr/lib/compiled/six.py"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for time, place in enumerate(("", *(f"var/lib/lxc/{name}/rootfs" for name in NAMES))):
        for path in ("usr/bin/awk", "etc/hosts", LIB, FRESH, COMPILED, "usr/lib/mode"):
            file = tmp_path / place / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"the same {path}")
            file.chmod(0o640 + time if path == "usr/lib/mode" else 0o644)
            os.utime(file, (time, time))
        (tmp_path / place / COMPILED).with_name("__pycache__").mkdir()
        (tmp_path / place / "usr/lib/empty").touch()
    return tmp_path


def of(tree: Path, path: str) -> list[Path]:
    return [tree / "var/lib/lxc" / name / "rootfs" / path for name in NAMES]


def test_a_program_of_several_containers_is_one_file(tree: Path) -> None:
    joined = alike.join(tree)
    for path in ("usr/bin/awk", LIB, FRESH):
        first, *others = of(tree, path)
        assert first.stat().st_nlink == len(NAMES)
        assert all(first.samefile(other) for other in others)
        assert not first.samefile(tree / path), "the host's stays its own"
        assert [one.name for one in first.parent.iterdir() if one.is_file()] == [first.name]
    assert joined.files == 3 * 2
    assert joined.size == 2 * sum(len(f"the same {path}") for path in ("usr/bin/awk", LIB, FRESH))


@pytest.mark.parametrize("path", ["etc/hosts", COMPILED, "usr/lib/mode", "usr/lib/empty"])
def test_what_differs_or_is_written_stays_apart(tree: Path, path: str) -> None:
    alike.join(tree)
    assert {one.stat().st_nlink for one in of(tree, path)} == {1}


def test_different_words_of_the_same_size_stay_apart(tree: Path) -> None:
    other = of(tree, "usr/bin/awk")[1]
    other.write_text("the SAME usr/bin/awk")
    alike.join(tree)
    assert other.read_text() == "the SAME usr/bin/awk"
    assert other.stat().st_nlink == 1


def test_an_appliance_without_containers_is_left_alone(tmp_path: Path) -> None:
    assert alike.join(tmp_path) == (0, 0)
