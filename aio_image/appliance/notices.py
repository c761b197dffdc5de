"""Warnings of this boot, by who gives them: what is not right, and does not stop the cloud.

They stand in ``/run/aio/warnings.json`` and are shown with every status. No secret, and
nothing that a unit said, may be in one: they are on the status page.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from .files import make_folder
from .layout import Layout


def put(layout: Layout, source: str, lines: Sequence[str]) -> None:
    """``lines`` are what ``source`` warns of from now on; none: it warns of nothing any more."""
    there = _read(_place(layout))
    if there.get(source, []) == list(lines):
        return
    there[source] = list(lines)
    make_folder(layout.run)
    new = _place(layout).with_suffix(".new")
    new.write_text(json.dumps({name: said for name, said in there.items() if said}), "utf-8")
    new.chmod(0o644)
    new.replace(_place(layout))


def every(layout: Layout) -> list[str]:
    """All warnings there are."""
    return [line for lines in _read(_place(layout)).values() for line in lines]


def _place(layout: Layout) -> Path:
    return layout.run / "warnings.json"


def _read(path: Path) -> dict[str, list[str]]:
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, list[str]] = json.loads(path.read_text("utf-8"))
        return found
    return {}
