"""What a build of OpenStack-Ansible took and holds, read from its kept results and its lock."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from aio_image.paths import Home
from aio_image.plan.model import Plan
from aio_image.sources.git.pins import Lock
from aio_image.stores.sets import read_set

STEP_COLUMNS = ("step", "state", "seconds", "plays", "tasks", "megabytes", "files")
REPLACED_COLUMNS = ("kind", "name", "asked", "taken", "commit", "url")


def steps(plan: Plan, home: Home) -> list[dict[str, Any]]:
    """A row for each step: whether its result is there, how long it took, what is in it.

    ``seconds`` are the step's, of which a playbook's own are ``playbook.json``'s. ``megabytes``
    (10^6 bytes) are what it takes on disk; of a step with a tree that is the difference from the
    steps before it.
    """
    return [_step(home.steps / step.name / step.key, step.name) for step in plan.steps]


def stores(kept: Path) -> list[dict[str, Any]]:
    """A row for each store that the step ``stores`` kept: how many files, and their size."""
    rows = []
    for name in ("apt", "wheels"):
        found = read_set(kept / name)
        size = round(found.size / 1e6, 1)
        rows.append({"store": name, "files": len(found.files), "megabytes": size})
    return rows


def _step(kept: Path, name: str) -> dict[str, Any]:
    if not (kept / "step.json").is_file():
        return {"step": name, "state": "not made"}
    record = json.loads((kept / "step.json").read_text("utf-8"))
    row: dict[str, Any] = {"step": name, "state": "made", "seconds": record["seconds"]}
    played = kept / "playbook.json"
    if played.is_file():
        about = json.loads(played.read_text("utf-8"))
        row |= {word: about[word] for word in ("plays", "tasks")}
    taken, files = _size(kept)
    return {**row, "megabytes": round(taken / 1e6, 1), "files": files}


def _size(folder: Path) -> tuple[int, int]:
    """Bytes on disk and number of files; what has several names counts once."""
    seen: set[int] = set()
    taken = files = 0
    for place, folders, names in os.walk(folder):
        for name in [*folders, *names]:
            about = Path(place, name).lstat()
            if about.st_ino not in seen:
                seen.add(about.st_ino)
                taken += about.st_blocks * 512
                files += name in names
    return taken, files


def replaced(lock: Lock) -> list[dict[str, Any]]:
    """A row for each repository of which the build has not what the release names."""
    rows = [
        {
            "kind": pin.kind,
            "name": pin.name,
            "asked": pin.asked,
            "taken": pin.instead,
            "commit": pin.commit,
            "url": pin.url,
        }
        for pin in lock.sources
        if pin.instead
    ]
    return rows + [
        {"kind": one.kind, "name": one.name, "asked": one.asked, "taken": "left out",
         "url": one.url}
        for one in lock.left_out
    ]  # fmt: skip
