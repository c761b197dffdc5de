"""Files in a tree that is not running: where a path of the image is, and writing one there."""

from __future__ import annotations

import os
from pathlib import Path


def inside(root: Path, path: str) -> Path:
    """Where ``path``, as the image sees it (with or without its first ``/``), is below ``root``."""
    return root / path.lstrip("/")


def write(root: Path, path: str, text: str, mode: int = 0o644) -> None:
    """Make ``path`` of the tree ``root`` anew, with ``text``, and the folders it is in.

    It has ``mode`` from the start, so that a secret is never readable by others, and is root's;
    a link that was there is replaced, not followed.
    """
    place = inside(root, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    # Whatever the umask takes away.
    place.chmod(mode)
