"""What a test starts in private ends with it, however the test run ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.private import in_private
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.host
_CHECKOUT = Path(__file__).parents[2]
# As a container's init is to who started systemd-nspawn: nobody's child, of another session.
_BODY = """
import signal, subprocess, sys, time
from pathlib import Path
from tests.private import in_private

# What a shell starts in the background ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)

def body():
    subprocess.run(["setsid", "--fork", "sleep", sys.argv[1]], check=True)
    Path(sys.argv[2]).touch()
    time.sleep(1000)

in_private(body)
"""


def _running(seconds: str) -> bool:
    return any(
        path.read_bytes() == f"sleep\0{seconds}\0".encode()
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if path.exists()
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_an_interrupted_run(tmp_path: Path, how: signal.Signals) -> None:
    seconds = f"3600.{os.getpid()}{time.time_ns()}"
    started = tmp_path / "started"
    words = [sys.executable, "-c", _BODY, seconds, str(started)]
    child = subprocess.Popen(words, cwd=_CHECKOUT, stderr=subprocess.DEVNULL)
    try:
        assert wait_for(started.exists) and wait_for(lambda: _running(seconds))
        child.send_signal(how)
        child.wait(PATIENCE)
        assert wait_for(lambda: not _running(seconds))
    finally:
        child.kill()
        child.wait()


def test_what_a_body_leaves_running_ends_with_it() -> None:
    seconds = f"3600.{os.getpid()}{time.time_ns()}"

    def body() -> None:
        subprocess.run(["setsid", "--fork", "sleep", seconds], check=True)
        assert wait_for(lambda: _running(seconds))

    in_private(body)
    assert not _running(seconds)
