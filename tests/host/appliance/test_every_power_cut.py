"""Cut the power at every single write of personalise: the end is the same. A minute or two."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest

from tests.unit.appliance.small_image import make_image
from tests.unit.appliance.test_appliance_personalise import (
    PowerCut,
    check_end,
    cut_power_after,
    run,
    seeded,
)

pytestmark = pytest.mark.host


def test_a_power_cut_at_every_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    over = False
    while not over:
        calls += 1
        image = seeded(make_image(tmp_path / "root"))
        with monkeypatch.context() as cut:
            cut_power_after(cut, calls)
            with contextlib.suppress(PowerCut):
                run(image)
                over = True
        run(image)
        check_end(image, "chosen-by-hand-and-long-enough")
        shutil.rmtree(image.root)
    assert calls > 200
