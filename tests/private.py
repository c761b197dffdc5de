"""A test's body in a process with mounts of its own, which ends with the test."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable

import pytest

from aio_image.host.process import run

_CLONE_NEWNS, _PR_SET_PDEATHSIG = 0x00020000, 1
_SKIPPED = 77  # as automake's tests say it


def in_private(body: Callable[[], None]) -> None:
    """Run ``body`` in a child process with a mount namespace of its own; ends as it does."""
    reasons, reason = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            libc = ctypes.CDLL(None)
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            assert libc.unshare(_CLONE_NEWNS) == 0
            run(["mount", "--make-rprivate", "/"])
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
    os.close(reason)
    try:
        ended = os.waitpid(pid, 0)[1]
    except BaseException:  # Ctrl-C: the child has heard it, too
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    with os.fdopen(reasons, encoding="utf-8") as told:
        why = told.read()
    status = os.waitstatus_to_exitcode(ended)
    if status == _SKIPPED:
        pytest.skip(why)
    assert status == 0, "see what the child wrote"
