"""What surrounds a boot: leftovers freed, a run claimed, signals heard, all freed at the end."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aio_image.boot.kept import room
from aio_image.doctor.checks import require
from aio_image.doctor.model import BOOT
from aio_image.host import reap, runs
from aio_image.host.cancel import Cancel, stopped_by_signals
from aio_image.paths import Home
from aio_image.report.events import Events, Notice


@dataclass(frozen=True)
class Session:
    """``folder`` is for the guest's files, ``console`` its console's log. Ask ``cancel``."""

    home: Home
    folder: Path
    console: Path
    cancel: Cancel


@contextmanager
def session(home: Home, image: Path, events: Events, *, keep: bool = False) -> Iterator[Session]:
    """A session to boot ``image`` in. With ``keep`` its folder stays, and so does the guest.

    The host is first checked for what a boot needs.
    From the main thread only: SIGINT, SIGTERM and SIGHUP raise Cancelled in it. What a killed
    session left is freed by the next.
    """
    with stopped_by_signals(Cancel()) as cancel:
        for leftover in reap.reap(home):
            level = "warning" if leftover.freed.troubles else "info"
            events.emit(Notice(str(leftover), level=level))
        require(home, BOOT, events)
        with runs.claimed(home, image.stem) as run:
            folder = run.folder
            if keep:
                folder = room(home) / secrets.token_hex(4)
                folder.mkdir(parents=True)
            # To be passed through, not looked into: libvirt's daemon runs QEMU as another user.
            folder.chmod(0o711)
            try:
                yield Session(home, folder, run.logs / "console.log", cancel)
            finally:
                with cancel.held_back():
                    freed = reap.free(run.folder, run.name, runs.boot_id())
                for trouble in freed.troubles:
                    events.emit(Notice(trouble, level="warning"))
