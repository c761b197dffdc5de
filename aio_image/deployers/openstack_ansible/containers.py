"""What a scenario with LXC containers takes besides the rest, from ``containers.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_TABLE = Path(__file__).with_name("containers.yaml")
_FROM_HOST = "lxc_container_cache_files_from_host"


@dataclass(frozen=True)
class Placed:
    """A file of the tree: its permission bits and its content."""

    mode: int
    text: str


@dataclass(frozen=True)
class Containers:
    """The table; its words are explained in containers.yaml."""

    bootstrap: Mapping[str, Any]
    kept: Mapping[str, Any]
    files: Mapping[str, Placed]

    def variables(self, constraints: str) -> dict[str, Any]:
        """The variables that stay; containers have the host's file ``constraints`` too."""
        return {**self.kept, _FROM_HOST: [*self.kept[_FROM_HOST], constraints]}


@cache
def containers() -> Containers:
    """The table, read once."""
    raw = yaml.safe_load(_TABLE.read_text("utf-8"))
    files = {path: Placed(int(row["mode"], 8), row["text"]) for path, row in raw["files"].items()}
    return Containers(dict(raw["bootstrap"]), dict(raw["kept"]), files)
