"""The journal of a run: what the kernel keeps for it even after its death, so that it can be freed.

One JSON object a line, ``{"kind": ..., facts}``, only ever appended. The file is named by the
environment variable ``AIO_IMAGE_JOURNAL``, because some of those things are made by other
processes (disk-image-create's plugins); without the variable nothing is recorded. One kind so
far: ``loop``, a loop device (``host.loops``), with ``device``, ``backing``, ``inode``, ``number``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VARIABLE = "AIO_IMAGE_JOURNAL"


def record(kind: str, **facts: Any) -> None:
    """Append one entry (JSON types) to the journal of this run, if there is one."""
    named = os.environ.get(VARIABLE)
    if not named:
        return
    line = json.dumps({"kind": kind, **facts}) + "\n"
    # One write to an O_APPEND file: entries of several processes never mix.
    handle = os.open(named, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, line.encode())
    finally:
        os.close(handle)


def entries(path: Path, kind: str) -> Iterator[dict[str, Any]]:
    """The entries of one kind, oldest first. A line cut short by a crash is passed over."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("kind") == kind:
            yield entry
