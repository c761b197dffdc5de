"""The journal of a run: what only the kernel keeps for it, so that a later start can free it.

One JSON object a line, appended before or right after the thing is made and never rewritten:
``{"kind": "loop", "device", "backing", "inode", "device_number"}`` and
``{"kind": "process", "pid", "start", "argv"}``. The file is named by the environment variable
``AIO_IMAGE_JOURNAL``, because it is other processes (disk-image-create's plugins) that make some
of those things; without the variable nothing is recorded.
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
