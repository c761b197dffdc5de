"""What the long tests are told: by environment, because `make boot` and CI hand it through.

AIO_IMAGE_TEST_IMAGE    the image (build/debian-aio.qcow2)
AIO_IMAGE_TEST_SCRATCH  folder for disks, some gigabytes, in memory if you like (pytest's own)
AIO_IMAGE_TEST_BASE     the image unpacked already, a raw disk that is only read (unpacked anew)
AIO_IMAGE_TEST_RESULTS  folder for the tables (build/results)
AIO_IMAGE_TEST_CUTS     power cuts at random moments (20)
AIO_IMAGE_TEST_SEED     of the random moments, to repeat them (drawn anew, and written in the table)
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.boot.native.disk import RootDisk

_ROOT = Path(__file__).parents[2]


def told(name: str, default: str) -> str:
    return os.environ.get(f"AIO_IMAGE_TEST_{name}", default)


@pytest.fixture(scope="session")
def image() -> Path:
    found = Path(told("IMAGE", str(_ROOT / "build/debian-aio.qcow2")))
    if not found.is_file():
        pytest.skip(f"no image at {found}: run `make build`")
    return found


@pytest.fixture(scope="session")
def results() -> Path:
    return Path(told("RESULTS", str(_ROOT / "build/results")))


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    given = os.environ.get("AIO_IMAGE_TEST_SCRATCH")
    return Path(given) / tmp_path.name if given else tmp_path


@pytest.fixture(scope="session")
def cuts() -> int:
    return int(told("CUTS", "20"))


@pytest.fixture(scope="session")
def seed() -> int:
    return int(told("SEED", str(random.randrange(10**6))))


@pytest.fixture(scope="session")
def base(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RootDisk]:
    """The image unpacked, never booted: copies of it are."""
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts and containers")
    if given := os.environ.get("AIO_IMAGE_TEST_BASE"):
        yield RootDisk.of_image(image, Path(given))
        return
    folder = Path(told("SCRATCH", str(tmp_path_factory.mktemp("base"))))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"aio-base-{os.getpid()}.raw"
    yield RootDisk.of_image(image, path)
    path.unlink(missing_ok=True)
