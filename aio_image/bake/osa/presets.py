"""Which units an appliance is told not to run: those that its own packages brought.

What there is depends on the release of the system, and on which services are in containers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FOLDERS = ("etc/systemd/system", "usr/lib/systemd/system")


def there(given: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """What of ``given``, extra variables of bake.yml, is other: no unit that ``root`` has not."""
    recipe = given["aio_recipe"]
    unwanted = [unit for unit in recipe["units"]["unwanted"] if _has(root, unit)]
    return {"aio_recipe": {**recipe, "units": {**recipe["units"], "unwanted": unwanted}}}


def _has(root: Path, unit: str) -> bool:
    return any((root / folder / unit).exists() for folder in _FOLDERS)
