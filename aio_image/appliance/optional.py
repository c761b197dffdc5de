"""Services that an appliance has on its disk and runs only if told to: which, and their state.

services.json is the one table of what runs here: an optional service's row is in its list
``services`` while it does and in ``dormant`` while it does not. What began and is not over stands
in ``/var/lib/aio/changing.json``, so that who comes after a power cut can go on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .files import sync_folder, write_atomic
from .layout import Layout
from .problems import ApplianceProblem
from .shipped import shipped


@dataclass(frozen=True)
class OptionalService:
    """``row`` is the service's in services.json; ``runs`` what the table says of it."""

    name: str
    title: str
    runs: bool
    memory: int
    row: Mapping[str, Any]

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(self.row["units"])


@dataclass(frozen=True)
class Change:
    """A change that was begun: ``name`` is to run, or not."""

    name: str
    runs: bool


def every(layout: Layout) -> tuple[OptionalService, ...]:
    """All optional services, by name. Raises ApplianceProblem."""
    table = _table(layout)
    found = [
        OptionalService(row["name"], row["title"], key == "services", int(row["memory"]), row)
        for key in ("services", "dormant")
        for row in table[key]
        if row["optional"]
    ]
    return tuple(sorted(found, key=lambda one: one.name))


def find(layout: Layout, name: str) -> OptionalService:
    """The optional service called ``name``. Raises ApplianceProblem when there is none."""
    known = every(layout)
    for one in known:
        if one.name == name:
            return one
    table = _table(layout)
    if any(row["name"] == name for row in table["services"]):
        raise ApplianceProblem(f"{name} is part of every cloud", hint="it runs always")
    names = ", ".join(one.name for one in known) or "none"
    raise ApplianceProblem(
        f"{name} is not on this appliance", hint=f"services that can be enabled: {names}"
    )


def record(layout: Layout, name: str, *, runs: bool) -> None:
    """Write into services.json that ``name`` runs, or does not. May be repeated."""
    table = _table(layout)
    source, target = ("dormant", "services") if runs else ("services", "dormant")
    moved = [row for row in table[source] if row["name"] == name]
    if moved:
        table[source] = [row for row in table[source] if row["name"] != name]
        table[target] += moved
        write_atomic(layout.services, json.dumps(table, indent=1) + "\n")


def changing(layout: Layout) -> Change | None:
    """The change that was begun and is not over."""
    try:
        kept = json.loads(layout.changing.read_text("utf-8"))
        return Change(str(kept["name"]), bool(kept["runs"]))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise ApplianceProblem(f"{layout.changing}: damaged ({error})", hint="remove it") from error


def begin(layout: Layout, change: Change) -> None:
    content = {"name": change.name, "runs": change.runs}
    write_atomic(layout.changing, json.dumps(content) + "\n")


def end(layout: Layout) -> None:
    """The change is over, in either way."""
    layout.changing.unlink(missing_ok=True)
    sync_folder(layout.changing.parent)


def _table(layout: Layout) -> dict[str, Any]:
    table: dict[str, Any]
    with shipped(layout.services, form=None) as table:
        for key in ("services", "dormant"):
            for row in table[key]:
                _ = row["name"], row["title"], row["units"], row["optional"], row["memory"]
    return table
