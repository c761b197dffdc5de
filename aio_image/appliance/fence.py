"""The status page before there is a haproxy: while first boot waits, or has failed.

A small haproxy of its own on 80 and 443, with a throw-away certificate in memory. It is stopped
when the appliance's own may start, whose fence says the same. Not by ``Conflicts=``: that would
drop the start of the other one, which waits in systemd's queue all the while.
"""

from __future__ import annotations

import subprocess

from .layout import Layout

UNIT = "aio-fence.service"


def open_alone(layout: Layout) -> None:
    """Have the status page there. Not waited for: who cannot have it goes on without."""
    if layout.running and not layout.fence_alone.exists():
        layout.fence_alone.touch()
        _systemctl("start", "--no-block", UNIT)


def close_alone(layout: Layout) -> None:
    """Let 80 and 443 go. Costs nothing where they were never taken."""
    if layout.running and layout.fence_alone.exists():
        _systemctl("stop", UNIT)
        layout.fence_alone.unlink()


def _systemctl(*words: str) -> None:
    subprocess.run(["systemctl", *words], check=False, capture_output=True, timeout=90)
