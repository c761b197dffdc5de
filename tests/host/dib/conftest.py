"""The image of the small root, and a look behind each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aio_image.dib import image
from aio_image.host import loops
from aio_image.host.mounts import mounts_below
from tests.host.dib.builds import IMAGE_SETTINGS, Build


@pytest.fixture(scope="session")
def small_image(small_build: Build, small_root: Path) -> Path:
    """The image of that root."""
    context = small_build.context("image", IMAGE_SETTINGS, {"root": small_root})
    image.run(context)
    return context.output / "image.qcow2"


@pytest.fixture(autouse=True)
def nothing_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test leaves a mount or a loop device (those of other builds on this host may stay)."""
    yield
    ours = tmp_path_factory.getbasetemp()
    assert mounts_below(ours) == ()
    assert [loop for loop in loops.bound() if str(ours) in loop.backing] == []
