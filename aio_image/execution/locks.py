"""Locks on results: one maker at a time, and nobody removes what a build is using.

One lock file per result in ``<home>/locks``. Its maker holds it alone; whoever uses the result
shares it; ``clean`` needs it alone. The kernel drops a lock with the process that held it.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable

from aio_image.host.cancel import Cancel
from aio_image.paths import Home

_POLL_SECONDS = 0.2


class ResultLock:
    """The lock of one result. Not held when made; ``release`` may be called at any time."""

    def __init__(self, home: Home, step: str, key: str) -> None:
        self._path = home.locks / f"{step}-{key[:32]}.lock"
        self._handle: int | None = None

    def make(self, waiting: Callable[[str], None], cancel: Cancel) -> None:
        """Hold it alone. While somebody else has it, waits; ``waiting`` is then called once.

        ``waiting`` is given who has it, in words. Raises Cancelled.
        """
        said = False
        while not self._try(fcntl.LOCK_EX):
            if not said:
                waiting(self._holder())
                said = True
            cancel.check()
            time.sleep(_POLL_SECONDS)
        assert self._handle is not None
        os.ftruncate(self._handle, 0)
        os.pwrite(self._handle, f"process {os.getpid()}".encode(), 0)

    def use(self) -> bool:
        """Share it with other users; False when somebody is making or removing the result."""
        return self._try(fcntl.LOCK_SH)

    def share(self, cancel: Cancel) -> None:
        """Hold it together with other users from now on, as soon as that is possible."""
        while not self.use():
            cancel.check()
            time.sleep(_POLL_SECONDS)

    def remove(self) -> bool:
        """Hold it alone, if that is possible at once, and forget the lock file."""
        if not self._try(fcntl.LOCK_EX):
            return False
        self._path.unlink(missing_ok=True)
        return True

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def _try(self, how: int) -> bool:
        """Take the lock, or change how it is held."""
        while True:
            if self._handle is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(self._handle, how | fcntl.LOCK_NB)
            except BlockingIOError:
                # The kernel may have let go of the old lock to try for the new one.
                self.release()
                return False
            if self._current(self._handle):
                return True
            self.release()

    def _current(self, handle: int) -> bool:
        """Whether the locked file is still the one of that name, or a remover was faster."""
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return False
        return os.fstat(handle).st_ino == named.st_ino

    def _holder(self) -> str:
        try:
            return self._path.read_text(encoding="ascii") or "another build"
        except OSError:
            return "another build"
