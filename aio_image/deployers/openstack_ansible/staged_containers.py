"""What a staged image with LXC containers takes besides, from ``staged_containers.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from aio_image.deployers.openstack_ansible.containers import Placed
from aio_image.deployers.openstack_ansible.orders import Script

_TABLE = Path(__file__).with_name("staged_containers.yaml")


@dataclass(frozen=True)
class StagedContainers:
    """The table; its words are explained in staged_containers.yaml."""

    apt: str
    scripts: tuple[Script, ...]
    files: Mapping[str, Placed]


@cache
def staged_containers() -> StagedContainers:
    """The table, read once."""
    raw = yaml.safe_load(_TABLE.read_text("utf-8"))
    return StagedContainers(
        apt=raw["apt"],
        scripts=tuple(Script(**row) for row in raw["scripts"]),
        files={
            path: Placed(int(row["mode"], 8), row["text"]) for path, row in raw["files"].items()
        },
    )
