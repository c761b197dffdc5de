"""What a kept difference takes away from the layers below it."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def whiteouts(tree: Path) -> set[str]:
    """The paths, relative to ``tree``, that overlayfs marks as gone."""
    found = set()
    for folder, _, files in os.walk(tree):
        for name in files:
            path = Path(folder, name)
            about = path.lstat()
            if stat.S_ISCHR(about.st_mode) and about.st_rdev == 0:
                found.add(str(path.relative_to(tree)))
    return found
