"""The real steps, killed and stopped at each phase: disk-image-create, nspawn, ansible, the lot.

The root is a small Debian, and each step finds kept results of those before it, so that every
phase is reached within seconds.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from aio_image.host.reap import reap
from aio_image.paths import Home
from tests.host.leftovers import held
from tests.host.real_steps import keep_results
from tests.host.running_build import RunningBuild, alive
from tests.waiting import wait_for

pytestmark = pytest.mark.host

# Where it is stopped: a step, and what it says just before.
PHASES = [
    ("root", "installing"),
    ("root", "aio-root/root.d"),
    ("root", "unpacking"),
    ("bake", "Boot the root"),
    ("bake", "(task 1 of"),
    ("seal", "Remove identities"),
    ("gate", "First boot"),
    ("image", "writing the root"),
    ("image", "copying the tree"),
    ("image", "finalise.d"),
    ("image", "compressing"),
]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    home.root.mkdir()
    downloads = Home.default().downloads
    downloads.mkdir(parents=True, exist_ok=True)
    home.downloads.symlink_to(downloads)
    yield home
    reap(home)


@pytest.mark.parametrize(("step", "words"), PHASES)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_stays(
    home: Home, small_root: Path, step: str, words: str, number: signal.Signals
) -> None:
    keep_results(home, small_root, step)
    for _ in range(10):
        build = RunningBuild(home, "tests.host.real_steps", step)
        build.until(words)
        family = build.family()
        build.process.send_signal(number)
        status = build.end()
        if status != 0:
            break
        # On a busy machine the step was over before the signal came: once more.
        shutil.rmtree(home.steps / step)
    assert status != 0
    if number == signal.SIGTERM:
        assert status == 130, build.said()[-2000:]
        assert held(home) == {}
        assert alive(family) == set()
        (failed,) = build.events("StepFailed")
        assert failed["reason"] == f"stopped by SIGTERM in step {step}"
    again = RunningBuild(home, "tests.host.leftovers", "quick")
    assert again.end() == 0
    assert held(home) == {}
    # The kernel needs a moment to end a container.
    assert wait_for(lambda: alive(family) == set())
    assert not (home.steps / step).exists()
    notices = again.events("Notice")
    assert len(notices) == (1 if number == signal.SIGKILL else 0)
