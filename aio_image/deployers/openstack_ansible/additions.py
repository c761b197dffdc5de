"""Services that `aio enable` can add by OpenStack-Ansible's playbooks: ``additions.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

# What a lock calls the sources of services that are carried for later: no step up to the last
# playbook reads them, so that carrying more deploys nothing anew.
KIND = "addition"
_TABLE = Path(__file__).with_name("additions.yaml")


@dataclass(frozen=True)
class Addition:
    """A row; its words are explained in additions.yaml. ``sources`` are URLs."""

    name: str
    group: str
    playbooks: tuple[str, ...]
    sources: tuple[str, ...]


@cache
def additions() -> Mapping[str, Addition]:
    """Every row by its name, read once."""
    rows = yaml.safe_load(_TABLE.read_text("utf-8"))
    return {
        name: Addition(name, row["group"], tuple(row["playbooks"]), tuple(row["sources"]))
        for name, row in rows.items()
    }
