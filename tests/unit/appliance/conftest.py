"""A small image for each test that asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from aio_image.appliance.layout import Layout
from tests.unit.appliance.small_image import make_image


@pytest.fixture
def image(tmp_path: Path) -> Layout:
    return make_image(tmp_path / "root")
