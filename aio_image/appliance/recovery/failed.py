"""Units of the table of services that failed, or are not there though they should run.

Row: ``{"kind": "units"}``. In start order: what others need comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import services, units
from ..layout import Layout
from .model import Finding, restart


def examine(_: Mapping[str, Any], layout: Layout) -> list[Finding]:
    wanted = services.load(layout.services).units
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
        found.append(Finding(name, said, "restart it", lambda name=name: restart(name)))  # type: ignore[misc]
    return found
