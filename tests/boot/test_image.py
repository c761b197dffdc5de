"""The built appliance itself, booted and checked: minutes, or much more without KVM.

Of the image that AIO_IMAGE_TEST_IMAGE names, by default build/debian-aio.qcow2.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.boot
_DEFAULT = Path(__file__).parents[2] / "build" / "debian-aio.qcow2"
CHECKS = [
    "boot", "status", "tls", "keystone-token", "catalogue", "endpoints", "image-upload",
    "compute-services", "network-services", "network-lifecycle", "volume-services",
    "volume-lifecycle", "instance", "horizon-login", "units", "console",
]  # fmt: skip


@pytest.fixture
def image() -> Path:
    found = Path(os.environ.get("AIO_IMAGE_TEST_IMAGE", _DEFAULT))
    if not found.is_file():
        pytest.skip(f"no image at {found}: run `make build`")
    return found


@pytest.mark.parametrize("firmware", ["bios", "secure"])
def test_the_appliance_is_healthy(image: Path, tmp_path: Path, firmware: str) -> None:
    report = tmp_path / "report.json"
    done = subprocess.run(
        [sys.executable, "-m", "aio_image", "test", image, "--firmware", firmware,
         "--json-report", report],
        env={**os.environ, "AIO_IMAGE_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    content = json.loads(report.read_text(encoding="utf-8"))
    assert {one["check"]: one["outcome"] for one in content["checks"]} == dict.fromkeys(
        CHECKS, "ok"
    )
    kinds = {row["kind"] for row in content["facts"]["timeline"]}
    assert kinds == {"milestone", "stage", "unit", "api", "page", "check"}
