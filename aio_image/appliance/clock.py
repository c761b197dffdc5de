"""The machine's clock, which may be years off until somebody tells it the time.

The image knows when it was built: no right clock is before that. systemd sets one that is, to that
moment (``/usr/lib/clock-epoch``, systemd(1)); certificates begin then, whatever the clock says when
they are made, so that a clock put right later does not make them invalid.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

from .layout import Layout

_YEAR = 365.25 * 24 * 3600
_LONG = 10 * _YEAR  # nobody deploys an image of this age
_SLACK = 24 * 3600  # a build host's clock has its own faults


def built(layout: Layout) -> float:
    """When the image was built, in seconds since 1970; now where it does not say."""
    try:
        return layout.clock_epoch.stat().st_mtime
    except OSError:
        return time.time()


def check(layout: Layout, now: float | None = None) -> list[str]:
    """A warning when the clock cannot be right."""
    now = time.time() if now is None else now
    start = built(layout)
    if start - _SLACK <= now <= start + _LONG:
        return []
    side = "before" if now < start else "more than ten years after"
    return [
        f"the clock says {_date(now)}, {side} this image was built ({_date(start)}): "
        "set the machine's clock, or let it reach a time server (timedatectl)"
    ]


def _date(when: float) -> str:
    try:
        return datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return f"{when:.0f} s after 1970"
