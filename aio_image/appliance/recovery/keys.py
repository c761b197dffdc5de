"""Keystone's key repositories: without a key nobody gets a token.

Row: ``{"kind": "keys", "folder": ..., "lost": what new keys cost, "restart": [units]}``.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import keystone_keys, roots, units
from ..layout import Layout
from .model import Finding, restart


def examine(row: Mapping[str, Any], layout: Layout) -> list[Finding]:
    home = units.home(row["restart"][0])
    folder = layout.at(roots.outside(layout.root, home, row["folder"]))
    wrong = _wrong_with(folder)
    if not wrong:
        return []

    def mend() -> None:
        keystone_keys.renew(layout, (row["folder"],))
        restart(*row["restart"])

    return [Finding(row["folder"], wrong, f"make new keys; {row['lost']}", mend)]


def _wrong_with(folder: Path) -> str:
    keys = [path for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
    if not keys:
        return "holds no key"
    damaged = [path.name for path in keys if not _whole(path)]
    return f"key {damaged[0]} is damaged" if damaged else ""


def _whole(path: Path) -> bool:
    try:
        return len(base64.urlsafe_b64decode(path.read_bytes().strip())) == 32
    except ValueError:
        return False
