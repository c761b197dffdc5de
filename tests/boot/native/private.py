"""A test's body in a process with mounts of its own, which ends with the test."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable

from aio_image.host.process import run

_CLONE_NEWNS, _PR_SET_PDEATHSIG = 0x00020000, 1


def in_private(body: Callable[[], None]) -> None:
    """Run ``body`` in a child process with a mount namespace of its own; fails as it does."""
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
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    try:
        ended = os.waitpid(pid, 0)[1]
    except BaseException:  # Ctrl-C: the child has heard it, too
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise
    assert os.waitstatus_to_exitcode(ended) == 0, "see what the child wrote"
