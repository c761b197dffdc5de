"""Cut the power at every single write of a boot: the end is the same. A few minutes."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest

from aio_image.appliance.layout import Layout
from tests.power_cuts import PowerCut
from tests.unit.appliance.small_image import make_image
from tests.unit.appliance.test_appliance_personalise import (
    check_end,
    cut_power_after,
    run,
    seeded,
)
from tests.unit.appliance.test_appliance_settle import check_moved, move

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


def test_a_power_cut_at_every_write_of_a_move(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = seeded(make_image(tmp_path / "first"))
    run(first)
    first.database_sql.unlink()
    ca = (first.pki / "ca.pem").read_bytes()
    calls = 0
    over = False
    while not over:
        calls += 1
        subprocess.run(["cp", "-a", first.root, tmp_path / "root"], check=True)
        image = Layout(tmp_path / "root")
        move(image)
        with monkeypatch.context() as cut:
            cut_power_after(cut, calls)
            with contextlib.suppress(PowerCut):
                run(image)
                over = True
        run(image)
        check_moved(image, ca)
        shutil.rmtree(image.root)
    assert calls > 40
