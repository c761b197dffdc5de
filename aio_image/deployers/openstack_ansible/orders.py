"""What a staged image runs at its first boot, from ``orders.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from aio_image.deployers.openstack_ansible.deploying import deployment
from aio_image.deployers.openstack_ansible.staging import PROGRAMS, staging

_TABLE = Path(__file__).with_name("orders.yaml")


@dataclass(frozen=True)
class Script:
    """``path``: below the release's folder, or absolute; ``before`` which playbook, "" for none."""

    name: str
    path: str
    before: str


@dataclass(frozen=True)
class Orders:
    """The table; its words are explained in orders.yaml."""

    packages: tuple[str, ...]
    bootstrap: Mapping[str, Any]
    scripts: tuple[Script, ...]

    def dump(
        self,
        scenario: str,
        known: Mapping[str, Mapping[str, int]],
        variables: Mapping[str, Any] | None = None,
        scripts: Sequence[Script] = (),
    ) -> dict[str, Any]:
        """What the appliance reads (``aio_image/appliance/deploying/orders.py`` has its shape).

        ``known``: playbook → its ``plays`` and ``tasks`` in a build, in the order they run.
        ``variables`` are more for bootstrap-aio.sh, ``scripts`` more to run, before those of the
        table that have the same place.
        """
        every = [*scripts, *self.scripts]
        steps: list[dict[str, Any]] = []
        for name, counts in known.items():
            steps += _rows(every, name)
            steps.append(
                {
                    "name": name,
                    "playbook": f"openstack.osa.{name}",
                    "plays": counts["plays"],
                    "tasks": counts["tasks"],
                }
            )
        return {
            **PROGRAMS,
            "environment": {**staging().environment, "SCENARIO": scenario},
            "variables": {**deployment().bootstrap, **(variables or {}), **self.bootstrap},
            "steps": [*steps, *_rows(every, "")],
        }


def _rows(scripts: Iterable[Script], before: str) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "script": one.path, "tasks": deployment().tasks.get(one.name, 0)}
        for one in scripts
        if one.before == before
    ]


@cache
def orders() -> Orders:
    """The table, read once."""
    raw = yaml.safe_load(_TABLE.read_text("utf-8"))
    return Orders(
        packages=tuple(raw["packages"]),
        bootstrap=dict(raw["bootstrap"]),
        scripts=tuple(Script(**row) for row in raw["scripts"]),
    )
