"""The status page before there is a haproxy: while first boot waits, or has failed.

A small haproxy of its own on 80 and 443, with a throw-away certificate in memory. It ends when the
appliance's own starts, whose fence says the same.
"""

from __future__ import annotations

import subprocess

from .layout import Layout

UNIT = "aio-fence.service"


def open_alone(layout: Layout) -> None:
    """Have the status page there. Not waited for: who cannot have it goes on without."""
    if layout.running and not layout.fence_socket.exists():
        subprocess.run(
            ["systemctl", "start", "--no-block", UNIT], check=False, capture_output=True, timeout=60
        )
