"""Remembering what slow probes of the host found, for as long as this boot lasts."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from aio_image.host.runs import boot_id


def remembered(store: Path, name: str, probe: Callable[[], Any], *, again: bool = False) -> Any:
    """What ``probe`` returned (JSON types) when it last ran on this boot, for this user.

    ``store`` is a JSON file, made when missing; one that cannot be read or written is
    no error, the probe then runs each time. ``again`` runs it anyway.
    """
    key = f"{boot_id()}/{os.geteuid()}"
    known = _read(store).get(key, {})
    if name in known and not again:
        return known[name]
    found = probe()
    # What other boots knew is of no use any more: only this one's is kept.
    _write(store, {key: {**_read(store).get(key, {}), name: found}})
    return found


def _read(store: Path) -> dict[str, dict[str, Any]]:
    try:
        read = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _write(store: Path, content: dict[str, Any]) -> None:
    with suppress(OSError):
        store.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=store.parent, prefix=f".{store.name}-")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file)
        Path(name).chmod(0o644)
        Path(name).replace(store)
