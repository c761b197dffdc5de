"""run_private leaves nothing: not when it ends, is cancelled, times out or we are killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from aio_image.errors import Cancelled, HostError
from aio_image.host.cancel import Cancel
from aio_image.host.namespace import run_private
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.host

# Mounts a tmpfs in its namespace, starts a daemon that leaves its session, and says it is ready.
BUSY = """
mount -t tmpfs none {where}
touch {where}/inside
setsid sleep {mark} </dev/null >/dev/null 2>&1 &
echo ready
sleep {mark}
"""


def sleeping(mark: str) -> list[str]:
    """Processes of the whole host whose command line holds ``mark``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if words[0] == b"sleep" and mark.encode() in words:
            found.append(path.parent.name)
    return found


@pytest.fixture
def mark() -> str:
    """A number of seconds that no other process sleeps."""
    return f"3600.{os.getpid()}{time.time_ns()}"


def test_output_goes_to_log_and_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    lines: list[str] = []
    status = run_private(
        ["sh", "-c", r"printf 'one\ntwo\rthree'; echo $$ >&2; exit 7"],
        log=log,
        on_line=lines.append,
    )
    assert status == 7
    assert lines == ["one", "two", "three1"]
    assert log.read_bytes() == b"before\none\ntwo\rthree1\n"


def test_death_by_signal_is_128_and_its_number(tmp_path: Path) -> None:
    # Process 1 of a namespace ignores signals of its own, so a child of it dies here.
    status = run_private(["sh", "-c", "sh -c 'kill -TERM $$'; exit $?"], log=tmp_path / "log")
    assert status == 128 + signal.SIGTERM


def test_environment_is_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", "/nowhere")
    lines: list[str] = []
    run_private(["env"], log=tmp_path / "log", env={"MINE": "1"}, on_line=lines.append)
    assert "MINE=1" in lines
    assert not [line for line in lines if line.startswith("TMPDIR")]


def test_end_takes_mounts_and_daemons(tmp_path: Path, mark: str) -> None:
    where = tmp_path / "mnt"
    where.mkdir()
    busy = BUSY.format(where=where, mark=mark).replace(f"\nsleep {mark}\n", "\n")
    assert run_private(["sh", "-c", busy], log=tmp_path / "log") == 0
    assert not list(where.iterdir())
    assert not sleeping(mark)


@pytest.mark.parametrize("how", ["token", "raise", "timeout"])
def test_stopping_takes_everything(tmp_path: Path, mark: str, how: str) -> None:
    where = tmp_path / "mnt"
    where.mkdir()
    cancel = Cancel()

    def on_line(line: str) -> None:
        assert line == "ready"
        assert wait_for(lambda: sleeping(mark))
        if how == "raise":
            raise RuntimeError("listener broke")
        if how == "token":
            threading.Timer(0.1, cancel.request, ["test"]).start()

    error = {"token": Cancelled, "raise": RuntimeError, "timeout": HostError}[how]
    with pytest.raises(error):
        run_private(
            ["sh", "-c", BUSY.format(where=where, mark=mark)],
            log=tmp_path / "log",
            on_line=on_line,
            cancel=cancel,
            timeout=2 if how == "timeout" else None,
        )
    assert not list(where.iterdir())
    assert not sleeping(mark)


def test_our_own_death_takes_everything(tmp_path: Path, mark: str) -> None:
    where = tmp_path / "mnt"
    where.mkdir()
    log = tmp_path / "log"
    program = (
        "import sys; from pathlib import Path;"
        "from aio_image.host.namespace import run_private;"
        "run_private(['sh', '-c', sys.argv[1]], log=Path(sys.argv[2]))"
    )
    busy = BUSY.format(where=where, mark=mark)
    with subprocess.Popen([sys.executable, "-c", program, busy, str(log)]) as child:
        assert wait_for(lambda: log.exists() and "ready" in log.read_text())
        assert wait_for(lambda: sleeping(mark))
        child.kill()
    assert wait_for(lambda: not sleeping(mark))
    assert not list(where.iterdir())


def test_missing_program_is_named(tmp_path: Path) -> None:
    status = run_private(["/no/such/program"], log=tmp_path / "log")
    assert status != 0
    assert "/no/such/program" in (tmp_path / "log").read_text()


def test_what_the_host_unmounts_is_not_kept_busy(tmp_path: Path, mark: str) -> None:
    """A device mounted on the host when the namespace is made can be let go while it lives."""
    host = r"""
        mount --make-rshared /
        truncate -s 4M "$1/disk"; mkfs.ext4 -q "$1/disk"; mkdir "$1/mnt"
        mount -o loop "$1/disk" "$1/mnt"
        "$2" -c "$3" "$1" &
        until inside=$(pgrep -xf "sleep $4"); do sleep 0.1; done
        grep -c "$1/mnt" "/proc/$inside/mounts"
        umount "$1/mnt"
        grep -c "$1/mnt" "/proc/$inside/mounts" || true
        kill -KILL $!
    """
    child = (
        "import sys; from pathlib import Path; from aio_image.host.namespace import run_private;"
        "log = Path(sys.argv[1], 'log'); log.touch();"
        f"run_private(['sh', '-c', 'echo inside; exec sleep {mark}'], log=log)"
    )
    # In a mount namespace of its own, with the propagation that systemd gives a host.
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-e", "-c", host, "sh",
         str(tmp_path), sys.executable, child, mark],
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["1", "0"]
