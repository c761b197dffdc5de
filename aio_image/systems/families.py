"""What the systems of a family have in common: ``families/<family>.yaml``.

No step's code reads it: what is in it comes with a step's settings, and counts there.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml

_ROOM = Path(__file__).resolve().parent / "families"


@cache
def image_elements(family: str) -> tuple[str, ...]:
    """Elements of the step ``image``, sorted."""
    table = yaml.safe_load((_ROOM / f"{family}.yaml").read_text(encoding="utf-8"))
    return tuple(sorted(table["image_elements"]))
