"""What a staged image carries, from ``staged.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_TABLE = Path(__file__).with_name("staged.yaml")
_ADDITIONS = Path(__file__).with_name("additions.yaml")
# By which playbooks are run on an appliance.
PROGRAMS = {
    "format": 1,
    "folder": "/opt/openstack-ansible",
    "wrapper": "/usr/local/bin/openstack-ansible",
    "runner": "/opt/ansible-runtime/bin/ansible-runner",
}


@dataclass(frozen=True)
class Staging:
    """The table; its words are explained in staged.yaml. ``{...}`` of `places` are filled in."""

    runtime: tuple[str, ...]
    tools: tuple[str, ...]
    places: Mapping[str, str]
    asleep: tuple[str, ...]
    variables: Mapping[str, Any]
    environment: Mapping[str, str]

    def kept(self) -> dict[str, Any]:
        """The content of user_zz_aio_staged.yml."""
        return {**self.variables, "deployment_environment_variables": dict(self.environment)}


def additions(git: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """What `aio enable` can add, from ``additions.yaml``; ``git`` is where the image's sources are.

    ``environment`` is what the playbooks run with. ``aio_image/appliance/deploying/additions.py``
    has its shape.
    """
    rows = yaml.safe_load(_ADDITIONS.read_text("utf-8"))
    return {**PROGRAMS, "environment": dict(environment), "git": git, "rows": rows}


@cache
def staging() -> Staging:
    """The table, read once."""
    raw = yaml.safe_load(_TABLE.read_text("utf-8"))
    places = dict(raw["places"])

    def filled(rows: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value.format(**places) if isinstance(value, str) else value
            for name, value in rows.items()
        }

    return Staging(
        runtime=tuple(raw["runtime"]),
        tools=tuple(raw["tools"]),
        places=places,
        asleep=tuple(raw["apt"]["asleep"]),
        variables=filled(raw["variables"]),
        environment=filled(raw["environment"]),
    )
