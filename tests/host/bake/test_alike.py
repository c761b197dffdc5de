"""Programs of containers, joined as a bake does it: in the layers of a tree, on an overlay."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aio_image.bake.osa import alike
from aio_image.host import trees
from tests.host.bake.conftest import Private

pytestmark = pytest.mark.host

# cap_net_bind_service=ep, revision 2 (capabilities(7), struct vfs_cap_data)
CAPABILITY = bytes.fromhex("0100000200040000000000000000000000000000")
NAMES = tuple(f"aio1-{name}-container-0f0f0f0f" for name in ("galera", "glance", "nova", "repo"))


def of(tree: Path) -> list[Path]:
    return [tree / "var/lib/lxc" / name / "rootfs/usr/bin/ping" for name in NAMES]


def test_all_names_are_one_file_and_the_layer_has_it_once(tmp_path: Path, private: Private) -> None:
    result, bake = tmp_path / "result", tmp_path / "bake"
    bake.mkdir()
    for time, file in enumerate(of(result / "tree")):
        file.parent.mkdir(parents=True)
        file.write_bytes(b"program" * 100_000)
        os.utime(file, (time, time))
    able = of(result / "tree")[-1]
    os.setxattr(able, "security.capability", CAPABILITY)

    def body() -> None:
        with trees.writable([result], bake, tmp_path / "work") as tree:
            assert alike.join(tree) == (2, 1_400_000)
        with trees.merged([result, bake], tmp_path / "work") as tree:
            first, *others, last = of(tree)
            assert all(first.samefile(other) for other in others)
            assert not first.samefile(last)
            assert os.getxattr(last, "security.capability") == CAPABILITY
            assert "security.capability" not in os.listxattr(first)
        first, *others, last = of(bake / "tree")
        assert first.stat().st_nlink == len(others) + 1
        assert not last.exists(), "what was not joined needs no second copy"

    private(body)
