"""How long each step took last time, so that the next build can say what to expect."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from aio_image.paths import Home


def expected_seconds(home: Home, profile: str, step: str) -> float | None:
    """Seconds ``step`` took when it last ran for ``profile``, else for any; None when never."""
    known = _read(home.history)
    mine = known.get(f"{profile}/{step}")
    if mine is not None:
        return mine
    others = [seconds for name, seconds in known.items() if name.endswith(f"/{step}")]
    return others[-1] if others else None


def remember_seconds(home: Home, profile: str, step: str, seconds: float) -> None:
    """Write it down. A history that cannot be written is no reason for a build to fail."""
    known = _read(home.history)
    # Newest last: that is the one taken for another profile.
    known.pop(f"{profile}/{step}", None)
    known[f"{profile}/{step}"] = round(seconds, 1)
    with suppress(OSError):
        handle, name = tempfile.mkstemp(dir=home.root, prefix=".history-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(known, file, indent=1)
        Path(name).chmod(0o644)
        Path(name).replace(home.history)


def _read(path: Path) -> dict[str, float]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): float(seconds) for name, seconds in read.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
