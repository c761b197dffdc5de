"""A small real build, made once for all tests here: Debian that boots, without OpenStack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aio_image.dib import image
from aio_image.host import loops
from tests.host.dib.builds import IMAGE_SETTINGS, Build


@pytest.fixture(scope="session")
def small_image(small_build: Build, small_root: Path) -> Path:
    """The image of that root."""
    context = small_build.context("image", IMAGE_SETTINGS, {"root": small_root})
    image.run(context)
    return context.output / "image.qcow2"


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """No test leaves a mount or a loop device (other builds on this host may come and go)."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    yield
    after = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    assert [line for line in after if line not in mounts and "pytest" in line] == []
    assert [loop for loop in loops.bound() if "pytest" in loop.backing] == []
