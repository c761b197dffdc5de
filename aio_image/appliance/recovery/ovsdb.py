"""Databases of Open vSwitch and OVN: files of ovsdb-server.

Row: ``{"kind": "ovsdb", "name": ..., "database": file, "cluster": ..., "server": unit,
"restart": [units], "after": [{"run": command}]}``; ``restart`` are its clients, ``cluster`` is
whether the file is that of a cluster's member (the only one). A file that cannot be read is
replaced by the image's own, which has the bridges and connections; ``after`` fills it from what the
rest of the cloud knows.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import pristine, roots, units
from ..layout import Layout
from .model import Finding, active, ask, do, restart, stop


def examine(row: Mapping[str, Any], layout: Layout) -> list[Finding]:
    database = layout.at(_place(row, layout))
    wrong = _wrong_with(database, cluster=row["cluster"])
    if wrong:
        cure = "put the image's own in its place, and fill it from what the cloud knows"
        return [Finding(row["name"], wrong, cure, lambda: _replace(row, layout))]
    if not active(row["server"]):
        said = units.last_words(row["server"])
        return [Finding(row["server"], said, "restart it", lambda: _restart(row))]
    return []


def _place(row: Mapping[str, Any], layout: Layout) -> str:
    return roots.outside(layout.root, units.home(row["server"]), row["database"])


def _wrong_with(database: Path, *, cluster: bool) -> str:
    if not database.exists():
        return f"{database} is not there"
    with tempfile.TemporaryDirectory() as scratch:
        # Reads every transaction; with a target of its own it neither locks nor changes the file.
        words = ["compact", str(database), f"{scratch}/whole"]
        if cluster:
            words = ["cluster-to-standalone", f"{scratch}/whole", str(database)]
        code, said = ask("ovsdb-tool", *words)
    return f"{database} cannot be read: {said.splitlines()[-1] if said else code}" if code else ""


def _replace(row: Mapping[str, Any], layout: Layout) -> None:
    place = _place(row, layout)
    database = layout.at(place)
    index = pristine.load(layout)
    stop(*reversed(row["restart"]), row["server"])
    if database.exists():
        database.rename(f"{database}.broken-{time.strftime('%Y%m%d%H%M%S')}")
    pristine.restore(layout, index, [place])
    _restart(row)
    for one in row["after"]:
        do(*one["run"])


def _restart(row: Mapping[str, Any]) -> None:
    # One after the other: a client that stops must find its server.
    stop(*reversed(row["restart"]))
    for unit in (row["server"], *row["restart"]):
        restart(unit)
