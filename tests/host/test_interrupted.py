"""A build that is stopped, killed, fails or fills the disk leaves nothing behind: for real.

The steps (leftovers.py) take everything a step can take, in and outside namespaces. The build is
a process of its own, as `aio-image build` is. A kill may leave things until the next start, and
no longer; everything else leaves nothing at all.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aio_image.paths import Home
from tests.host import leftovers
from tests.host.leftovers import held
from tests.host.running_build import RunningBuild
from tests.waiting import wait_for

pytestmark = pytest.mark.host


def start(home: Home, *steps: str) -> RunningBuild:
    return RunningBuild(home, "tests.host.leftovers", *steps)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path / "home")
    yield home
    # Whatever a failed test leaves must not reach the next one.
    from aio_image.host.reap import reap  # noqa: PLC0415

    reap(home)


def start_again(home: Home) -> RunningBuild:
    """The next start."""
    build = start(home, "quick")
    assert build.end() == 0
    return build


@pytest.mark.parametrize("step", ["greedy", "private", "writing"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop(home: Home, step: str, number: signal.Signals) -> None:
    build = start(home, "quick", step)
    build.until(f"{step}: ready")
    build.process.send_signal(number)
    assert build.end() == 130
    assert held(home) == {}
    assert f"stopped by {number.name} in step {step}" in build.said()
    (failed,) = build.events("StepFailed")
    assert Path(failed["log"]).exists()
    # What was finished before is not made again.
    again = start_again(home)
    assert again.events("StepSkipped")
    assert not again.events("Notice")


@pytest.mark.parametrize("step", ["greedy", "private", "writing"])
def test_killed(home: Home, step: str) -> None:
    build = start(home, "quick", step)
    build.until(f"{step}: ready")
    assert held(home)
    build.process.kill()
    build.end()
    again = start_again(home)
    (notice,) = again.events("Notice")
    # A mount namespace that others made meanwhile holds a copy of greedy's mounts, where the host
    # does not propagate unmounting: what that keeps busy is said, and goes with a later start.
    assert held(home) == {} or " stays" in notice["text"]
    assert wait_for(lambda: held(home) == {} or (start_again(home) and held(home) == {}))
    assert "an earlier run (test, started" in notice["text"]
    logs = notice["text"].rpartition("its logs: ")[2]
    assert (Path(logs) / f"{step}.log").exists()
    if step == "greedy":
        assert "1 loop device" in notice["text"]
        assert "3 mounts" in notice["text"]
    assert not start_again(home).events("Notice")


def test_killed_with_its_whole_group(home: Home) -> None:
    """As a CI system ends a job: every process it can find, at once."""
    build = start(home, "private")
    build.until("private: ready")
    os.killpg(build.process.pid, signal.SIGKILL)
    build.end()
    start_again(home)
    assert wait_for(lambda: held(home) == {})


def test_signals_while_it_cleans_up_change_nothing(home: Home) -> None:
    build = start(home, "greedy")
    build.until("greedy: ready")
    build.process.send_signal(signal.SIGINT)
    build.process.send_signal(signal.SIGTERM)
    assert build.end() == 130
    assert held(home) == {}


def test_a_failing_step(home: Home) -> None:
    build = start(home, "quick", "failing")
    assert build.end() == 5
    assert held(home) == {}
    assert "ERROR the hook 50-x failed" in build.said()
    (failed,) = build.events("StepFailed")
    assert "could not do it" in Path(failed["log"]).read_text()


def test_two_builds_at_once_make_it_once(home: Home) -> None:
    first = start(home, "slow", "quick")
    first.until("slow: ready")
    second = start(home, "slow", "quick")
    second.until("waiting for process")
    (home.root / "go").touch()
    assert first.end() == 0
    assert second.end() == 0
    (notice,) = second.events("Notice")
    assert f"waiting for process {first.process.pid}" in notice["text"]
    assert (home.root / "made").read_text().split() == ["slow", "quick"]
    assert held(home) == {}


def test_the_maker_is_killed_while_another_waits(home: Home) -> None:
    first = start(home, "slow")
    first.until("slow: ready")
    second = start(home, "slow")
    second.until("waiting for process")
    first.process.kill()
    first.end()
    (home.root / "go").touch()
    assert second.end() == 0
    assert (home.root / "made").read_text().split() == ["slow"]
    start_again(home)
    assert held(home) == {}


def test_a_running_build_is_not_reaped_by_another(home: Home) -> None:
    first = start(home, "greedy")
    first.until("greedy: ready")
    before = held(home)
    start_again(home)
    assert held(home) == before
    first.process.send_signal(signal.SIGTERM)
    assert first.end() == 130
    assert held(home) == {}


@contextmanager
def small_disk(point: Path, megabytes: int) -> Iterator[Home]:
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", point], check=True)
    try:
        yield Home(point / "home")
    finally:
        subprocess.run(["umount", point], check=True)


@pytest.mark.parametrize("step", ["filling", "filling_by_program"])
def test_a_full_disk(tmp_path: Path, step: str) -> None:
    with small_disk(tmp_path / "small", 24) as home:
        build = start(home, "quick", step)
        assert build.end() == 3
        assert f"ERROR the disk is full: {home.root} has " in build.said()
        assert held(home) == {}
        assert not list(home.steps.glob(f"{step}/*"))
        # The space is back, and so the next build works.
        start_again(home)


def test_a_disk_full_from_the_start(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 1) as home:
        home.root.mkdir()
        with (
            (home.root / "ballast").open("wb", buffering=0) as file,
            pytest.raises(OSError, match="No space"),
        ):
            while True:
                file.write(b"x" * 4096)
        build = start(home, "quick")
        assert build.end() == 3
        (home.root / "ballast").unlink()
        assert start_again(home).end() == 0
        assert held(home) == {}


def test_leftovers_are_seen_at_all(home: Home) -> None:
    """The instrument: every kind of thing the other tests look for is found while it is there."""
    build = start(home, "greedy")
    build.until("greedy: ready")
    # setsid is still on its way to become sleep.
    assert wait_for(lambda: any(leftovers.SLEEP in each for each in held(home)["processes"]))
    seen = held(home)
    build.process.send_signal(signal.SIGTERM)
    build.end()
    assert set(seen) == {"mounts", "loops", "processes", "scratch", "partitions"}
