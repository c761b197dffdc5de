"""Waiting for what another process does: as long as a busy machine may need, and not longer."""

from __future__ import annotations

import time
from collections.abc import Callable

# Only what fails takes so long.
PATIENCE = 300.0


def wait_for(
    condition: Callable[[], object], seconds: float = PATIENCE, pause: float = 0.05
) -> bool:
    """Whether ``condition`` came true in time; it is asked at least once, then every ``pause``."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(pause)
    return True
