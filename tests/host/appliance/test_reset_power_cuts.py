"""Cut the power at every single change that a reset makes: the end is the same. A minute."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aio_image.appliance import reset
from tests.unit.appliance.small_image import make_image
from tests.unit.appliance.test_appliance_reset import cut_at_each, seal, snapshot, use

pytestmark = pytest.mark.host


def test_a_power_cut_at_every_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed = seal(make_image(tmp_path / "root"))
    before = snapshot(sealed.root)
    use(sealed)
    reset.place(sealed, reset.RESET)
    kept = tmp_path / "kept"
    shutil.copytree(sealed.root, kept, symlinks=True)
    cut_at_each(sealed, kept, before, monkeypatch, step=1)
