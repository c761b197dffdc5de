"""What all tests share: who may run what, and that none touches the user's own builds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# An example is slow when the machine is busy, which is no fault of what is tested.
settings.register_profile("aio", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aio")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Host tests need root: others see in the summary which of them were not run."""
    if os.geteuid() == 0:
        return
    needs_root = pytest.mark.skip(reason="needs root: run `make host`")
    for item in items:
        if item.get_closest_marker("host"):
            item.add_marker(needs_root)


@pytest.fixture(autouse=True)
def own_home(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives tests without root a home of their own: none may read or write the user's builds.

    Host and boot tests choose for themselves, because real builds are worth keeping.
    """
    if request.node.get_closest_marker("host") or request.node.get_closest_marker("boot"):
        return
    tmp_path: Path = request.getfixturevalue("tmp_path")
    monkeypatch.setenv("AIO_IMAGE_HOME", str(tmp_path / "aio-image-home"))
