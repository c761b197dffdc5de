"""Control groups of containers: one each, so that systemd inside has one to itself.

A group outlives its processes, even those of a build that was killed: `sweep` removes such.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from aio_image.host.process import run

# Where a container's own mount namespace has the unified hierarchy; a host may have it elsewhere.
HIERARCHY = "/sys/fs/cgroup"
_PREFIX = "aio-image."
# A group is without processes only for a moment at its beginning and at its end.
_STALE_SECONDS = 30
_REMOVE = f"""
mount -t cgroup2 cgroup2 {HIERARCHY}
cd {HIERARCHY}
for group; do find "$group" -depth -type d -exec rmdir -- {{}} + ; done
"""


def new_name() -> str:
    """A name that no other container has; who starts it makes the group, below HIERARCHY."""
    return _PREFIX + secrets.token_hex(6)


def sweep() -> None:
    """Remove control groups that killed builds left: old and without any process."""
    hierarchy = next(
        (at for at in (Path(HIERARCHY), Path(HIERARCHY, "unified")) if _is_group(at)), None
    )
    if hierarchy is None:
        return
    stale = []
    for group in hierarchy.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            populated = "populated 1" in (group / "cgroup.events").read_text(encoding="ascii")
            if not populated and time.time() - group.stat().st_mtime > _STALE_SECONDS:
                stale.append(group.name)
    remove(stale)


def remove(names: Sequence[str]) -> None:
    """Remove the groups ``names``, and what containers made below them, where nothing runs."""
    if names:
        # Best effort: an empty control group costs nothing and is swept by a later build.
        run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", _REMOVE, "sweep",
             *names],
            check=False,
            timeout=30,
        )  # fmt: skip


def _is_group(folder: Path) -> bool:
    return (folder / "cgroup.controllers").exists()
