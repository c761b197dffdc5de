"""What a program is expected to say, and what to do when it does not.

Row: ``{"kind": "answer", "name", "unit", "ask": command, "expects": word, "tell": command}``. Only
asked while ``unit`` is not skipped by a condition of its own (a container has no LVM).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..layout import Layout
from .model import Finding, ask, do

_TRIES = 10


def examine(row: Mapping[str, Any], _: Layout) -> list[Finding]:
    if ask("systemctl", "show", "--property=ConditionResult", "--value", row["unit"])[1] == "no":
        return []
    for _try in range(_TRIES):
        code, said = ask(*row["ask"], seconds=30)
        if code == 0:
            break
        time.sleep(1)  # whoever answers may just be starting
    if code == 0 and row["expects"] in said.split():
        return []
    told = f": {said.splitlines()[-1]}" if code and said else ""
    what, cure = f"{row['expects']} is missing{told}", f"run {' '.join(row['tell'])}"

    def mend() -> None:
        do(*row["tell"])

    return [Finding(row["name"], what, cure, mend)]
