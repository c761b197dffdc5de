"""Waiting for what another process does: as long as a busy machine may need, and not longer."""

from __future__ import annotations

import time
from collections.abc import Callable

# Only what fails takes so long.
PATIENCE = 300.0


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE) -> bool:
    """Whether ``condition`` came true in time; it is asked at least once."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True
