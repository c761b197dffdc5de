"""A staged image of OpenStack-Ansible deploys itself at its first boot, natively.

AIO_IMAGE_TEST_IMAGE  the image, of the level staged
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.boot.native.disk import RootDisk
from tests.boot.native.staged import deploys_itself
from tests.private import in_private

pytestmark = pytest.mark.boot


def test_it_deploys_itself_without_a_way_out(base: RootDisk, scratch: Path, results: Path) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    disk = base.copy(scratch / "disk.raw")
    in_private(lambda: deploys_itself(disk, scratch, results))
    shutil.rmtree(scratch)
