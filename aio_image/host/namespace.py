"""Running a program in a mount and pid namespace of its own.

Whatever it mounts and starts is gone when it ends, when it is cancelled, and when this process is
killed: the namespaces' first process dies with its parent, its death kills every other process in
the pid namespace, and with the last of them the mount namespace goes. What outlives a namespace is
what the kernel keeps for everybody: loop devices and files. Those are the journal's and reap's.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from aio_image.errors import HostError
from aio_image.host.cancel import Cancel
from aio_image.host.process import clean_environment

_PRIVATE = (
    # setpriv: the kernel kills unshare when we die, however we die.
    "setpriv", "--pdeathsig", "KILL", "--",
    # slave: no mount of ours is seen outside, and what the host unmounts meanwhile goes here, too,
    # instead of staying busy for as long as we run.
    "unshare", "--mount", "--propagation", "slave", "--uts", "--ipc",
    "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc", "--",
)  # fmt: skip
_POLL_SECONDS = 0.25
_KILL_SECONDS = 20.0


def run_private(
    argv: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    cancel: Cancel | None = None,
    timeout: float | None = None,
) -> int:
    """Run ``argv`` in private mount, pid, uts and ipc namespaces to its end; its exit status.

    Needs root. ``argv`` is process 1 there, ``/proc`` is the namespace's own, and no mount made
    inside is seen outside. ``env`` is added to the clean environment (host.process); stdin is
    /dev/null; both output streams are appended, as they come, to ``log``, and handed line by
    line, without the line end, to ``on_line`` (a carriage return ends a line too).

    A signal's death comes back as 128 + its number. When ``cancel`` is set the program is killed
    and Cancelled raised; after ``timeout`` seconds it is killed and HostError raised. Whatever
    else raises in here (``on_line``, a full disk under ``log``) kills it too, and when this
    function is left, by a return or by an exception, no process of it is alive.
    """
    words = [str(word) for word in argv]
    deadline = None if timeout is None else time.monotonic() + timeout
    with log.open("ab", buffering=0) as sink:
        try:
            child = subprocess.Popen(
                [*_PRIVATE, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=clean_environment(env),
                cwd=cwd,
                # Ctrl-C at the terminal is for us: we then end the child in good order.
                start_new_session=True,
            )
        except FileNotFoundError as error:
            raise HostError(f"{error.filename}: not found", hint="run `make setup`") from error
        try:
            lines = _Lines(on_line)
            assert child.stdout is not None
            for chunk in _chunks(child.stdout.fileno(), cancel, deadline):
                sink.write(chunk)
                lines.feed(chunk)
            lines.end()
            status = child.wait()
        except TimeoutError as error:
            raise HostError(
                f"no end after {timeout:.0f} s: {shlex.join(words)}", log=log
            ) from error
        finally:
            _end(child)
    return status if status >= 0 else 128 - status


def _chunks(fd: int, cancel: Cancel | None, deadline: float | None) -> Iterator[bytes]:
    """What can be read from ``fd``, until its end; looks at ``cancel`` and the clock between."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    while True:
        if cancel is not None:
            cancel.check()
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError
        if poll.poll(_POLL_SECONDS * 1000):
            chunk = os.read(fd, 65536)
            if not chunk:
                return
            yield chunk


class _Lines:
    """Cuts a stream of bytes into lines of text."""

    def __init__(self, on_line: Callable[[str], None] | None) -> None:
        self._on_line = on_line
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        if self._on_line is None:
            return
        *lines, self._rest = (self._rest + chunk).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            if line:
                self._on_line(line.decode(errors="replace"))

    def end(self) -> None:
        if self._rest:
            self.feed(b"\n")


def _end(child: subprocess.Popen[bytes]) -> None:
    """Leave no process of the namespace: kill its first process and wait until all are gone."""
    if child.stdout is not None:
        child.stdout.close()
    if child.poll() is not None:
        return
    # Stopped, unshare can fork no more, so the one child it has now is the namespace's first.
    child.send_signal(signal.SIGSTOP)
    for pid in _children(child.pid):
        _kill_and_wait(pid)
    child.kill()
    child.wait()


def _children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(word) for word in listed.split()]


def _kill_and_wait(pid: int) -> None:
    """SIGKILL; then wait: process 1 of a namespace ends only after every other one in it."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            ended = select.poll()
            ended.register(handle, select.POLLIN)
            ended.poll(_KILL_SECONDS * 1000)
        finally:
            os.close(handle)
