"""A small real root, made once for all host tests: Debian that boots, without OpenStack."""

from __future__ import annotations

from pathlib import Path

import pytest

from aio_image.dib import root
from tests.host.dib.builds import ROOT_SETTINGS, Build


@pytest.fixture(scope="session")
def small_build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    return Build(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="session")
def small_root(small_build: Build) -> Path:
    """The kept result of a root step."""
    context = small_build.context("root", ROOT_SETTINGS)
    root.run(context)
    return context.output
