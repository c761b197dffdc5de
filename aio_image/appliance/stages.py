"""How long each stage of personalise took in this boot: for the timeline, and gone with /run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from .layout import Layout
from .status import CameUp, uptime


@contextlib.contextmanager
def timed(layout: Layout, name: str) -> Iterator[None]:
    """Note when the block, the stage ``name``, began and ended."""
    began = uptime(2)
    yield
    rows = [*_rows(layout), [name, began, uptime(2)]]
    with contextlib.suppress(OSError):  # nobody's boot fails for want of a figure
        layout.stages.parent.mkdir(parents=True, exist_ok=True)
        layout.stages.write_text(json.dumps(rows), "utf-8")


def told(layout: Layout) -> list[CameUp]:
    """The stages of this boot that are over, in order."""
    return [CameUp(name, "stage", end, began) for name, began, end in _rows(layout)]


def _rows(layout: Layout) -> list[tuple[str, float, float]]:
    try:
        rows = json.loads(layout.stages.read_text("utf-8"))
        return [(str(name), float(began), float(end)) for name, began, end in rows]
    except (OSError, TypeError, ValueError):
        return []
