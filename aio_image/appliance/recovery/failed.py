"""Units of the table of services that failed, or are not there though they should run.

Row: ``{"kind": "units"}``. In start order, after the unit that all of them wait for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import services, units
from ..layout import Layout
from ..ready import OWN_UNIT
from .model import Finding, active, restart


def examine(_: Mapping[str, Any], layout: Layout) -> list[Finding]:
    wanted = [OWN_UNIT, *services.load(layout.services).units]
    seen = units.show(wanted)
    found = []
    for name in wanted:
        unit = seen.get(name)
        if unit is None or unit.active or unit.state.startswith("activating"):
            continue
        if not unit.loaded:
            found.append(Finding(name, "there is no such unit", "boot a new image", None))
            continue
        said = units.last_words(name) if unit.failed else "is not started"
        found.append(Finding(name, said, "restart it", lambda name=name: _revive(name)))  # type: ignore[misc]
    return found


def _revive(name: str) -> None:
    if not active(name):  # what it needs may have brought it along
        restart(name)
