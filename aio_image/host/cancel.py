"""Stopping on request: one token for a build, set by signals, seen by whatever waits."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from aio_image.errors import EXIT_CANCELLED, Cancelled

_PATIENCE = 3


class Cancel:
    """Whether somebody asked to stop. Cheap to ask; safe to ask from any thread."""

    def __init__(self) -> None:
        self._reason = ""
        self._held_back = False

    @property
    def requested(self) -> bool:
        return bool(self._reason)

    @property
    def reason(self) -> str:
        """What asked ("SIGINT"), or the empty string."""
        return self._reason

    def request(self, reason: str) -> None:
        """Ask to stop. The first reason stays."""
        self._reason = self._reason or reason

    def check(self) -> None:
        """Raise Cancelled when a stop was asked for: for loops that wait or poll."""
        if self._reason:
            raise Cancelled(f"stopped by {self._reason}")

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """While inside, a request is noted but interrupts nothing: for cleaning up."""
        self._held_back = True
        try:
            yield
        finally:
            self._held_back = False

    def interrupt(self, reason: str) -> None:
        """Request, and raise Cancelled here unless an earlier request did or it is held back."""
        first = not self._reason
        self.request(reason)
        if first and not self._held_back:
            self.check()


@contextmanager
def stopped_by_signals(cancel: Cancel) -> Iterator[Cancel]:
    """While inside, SIGINT, SIGTERM and SIGHUP ask ``cancel`` to stop.

    The first one also raises Cancelled wherever the main thread is, so that a wait in a system
    call ends at once. Later ones are swallowed, because the first one's cleaning up is running
    then; the third leaves without it, which costs nothing but time: what stays behind is
    reaped by the next start. Only for the main thread (Python delivers signals nowhere else).
    """
    count = 0

    def asked(number: int, _frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count >= _PATIENCE:
            os._exit(EXIT_CANCELLED)
        cancel.interrupt(signal.Signals(number).name)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, asked) for number in numbers}
    try:
        yield cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
