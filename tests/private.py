"""A test's body in a process with mounts and processes of its own, which end with the test."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from aio_image.host.process import run

_CLONE_NEWNS, _CLONE_NEWPID, _PR_SET_PDEATHSIG = 0x00020000, 0x20000000, 1
_SKIPPED = 77  # as automake's tests say it


def in_private(body: Callable[[], None]) -> None:
    """Run ``body`` in a child process with mount and pid namespaces of its own; ends as it does.

    The child is process 1 of its pid namespace, as a step's is (aio_image/bake/inside.py): however
    it ends, and however this process does, what it started dies with it, a container's init too.
    """
    reasons, reason = os.pipe()
    # The namespaces' first process is a child of the one that makes them.
    maker = os.fork()
    if maker == 0:
        status = 1
        try:
            _end_with_parent()
            assert _libc().unshare(_CLONE_NEWNS | _CLONE_NEWPID) == 0
            first = os.fork()
            if first == 0:
                _be_first(body, reason)
            status = _status(first)
        finally:
            os._exit(status)
    os.close(reason)
    with os.fdopen(reasons, encoding="utf-8") as told:
        try:
            status = _status(maker)
        except BaseException:  # Ctrl-C
            os.kill(maker, signal.SIGKILL)
            os.waitpid(maker, 0)
            raise
        finally:
            # Its end: the first process, the last of its namespace to go, has closed it.
            why = told.read()
    if status == _SKIPPED:
        pytest.skip(why)
    assert status == 0, "see what the child wrote"


@contextmanager
def lonely() -> Iterator[int]:
    """The pid of a process in a network namespace without anything, which ends with the block."""
    command = ["unshare", "--net", "sh", "-c", "echo ready; exec sleep 600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        try:
            # Until then it is in the host's own.
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            yield child.pid
        finally:
            child.kill()


def _be_first(body: Callable[[], None], reason: int) -> None:
    """Run ``body`` and exit."""
    status = 1
    try:
        _end_with_parent()
        run(["mount", "--make-rprivate", "/"])
        run(["mount", "-t", "proc", "proc", "/proc"])
        body()
        status = 0
    except pytest.skip.Exception as skipped:
        os.write(reason, str(skipped.msg).encode())
        status = _SKIPPED
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _end_with_parent() -> None:
    _libc().prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _status(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
