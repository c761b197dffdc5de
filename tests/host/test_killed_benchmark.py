"""A benchmark that is killed while a guest runs leaves nothing after the next start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from aio_image.host.reap import reap
from aio_image.paths import Home
from tests.host.leftovers import held
from tests.waiting import wait_for

pytestmark = pytest.mark.host

# As the real one, with a guest that does not take minutes: a QEMU stopped before it begins.
_BOOTS = """
import subprocess
from multiprocessing import resource_tracker
from pathlib import Path

def guest(folder):
    disk = Path(folder) / "disk.raw"
    disk.write_bytes(bytes(1 << 20))
    subprocess.run(["env", "-i", "qemu-system-x86_64", "-S", "-display", "none", "-nodefaults",
                    "-accel", "tcg", "-drive", f"file={disk},format=raw"], check=True)

if __name__ == "__main__":
    from aio_image.boot.session import session
    from aio_image.paths import Home
    from aio_image.report.events import Events
    from benchmarks.boots import in_a_process
    resource_tracker.ensure_running()
    with session(Home.default(), Path("image.qcow2"), Events()) as room:
        in_a_process(guest, room.folder)
"""


def _guests(home: Home) -> list[str]:
    return [line for line in held(home).get("processes", []) if line.startswith("qemu-system")]


def test_its_guest_is_ended(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    program = tmp_path / "killed_boots.py"
    program.write_text(_BOOTS)
    project = str(Path(__file__).resolve().parents[2])
    child = subprocess.Popen(
        [sys.executable, program],
        cwd=tmp_path,
        env={**os.environ, "AIO_IMAGE_HOME": str(home.root), "PYTHONPATH": project},
    )
    try:
        assert wait_for(lambda: _guests(home) or child.poll() is not None)
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()
    (leftover,) = reap(home)
    assert leftover.subject == "image"
    assert leftover.freed.processes >= 1
    assert leftover.freed.troubles == []
    assert wait_for(lambda: not _guests(home))
    assert not list(home.work.glob("*"))
