"""What containers have alike is there once, in folders of programs and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aio_image.bake.osa import alike

NAMES = ("aio1-glance-container-0f0f0f0f", "aio1-nova-api-container-1e1e1e1e")
LIB = "openstack/venvs/glance-33/lib/six.py"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for place in ("", *(f"var/lib/lxc/{name}/rootfs" for name in NAMES)):
        for path in ("usr/bin/awk", "etc/hosts", LIB, "usr/lib/late", "usr/lib/mode"):
            file = tmp_path / place / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"the same {path}")
            os.utime(file, (1, 1))
    second = tmp_path / "var/lib/lxc" / NAMES[1] / "rootfs"
    os.utime(second / "usr/lib/late", (2, 2))
    (second / "usr/lib/mode").chmod(0o600)
    return tmp_path


def of(tree: Path, path: str) -> list[Path]:
    return [tree / "var/lib/lxc" / name / "rootfs" / path for name in NAMES]


def test_a_program_of_several_containers_is_one_file(tree: Path) -> None:
    said = alike.join(tree)
    for path in ("usr/bin/awk", LIB):
        first, second = of(tree, path)
        assert first.samefile(second), said
        assert not first.samefile(tree / path), "the host's stays its own"


@pytest.mark.parametrize("path", ["etc/hosts", "usr/lib/late", "usr/lib/mode"])
def test_what_differs_or_is_written_stays_apart(tree: Path, path: str) -> None:
    alike.join(tree)
    first, second = of(tree, path)
    assert not first.samefile(second)


def test_an_appliance_without_containers_is_left_alone(tmp_path: Path) -> None:
    assert alike.join(tmp_path) == ""
