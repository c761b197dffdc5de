"""What is to be run, from ``/usr/share/aio/deploy.json``, and what of it is over.

    {"format": 1, "folder": "/opt/openstack-ansible", "wrapper": "/usr/local/bin/openstack-ansible",
     "runner": "/opt/ansible-runtime/bin/ansible-runner", "environment": {"NAME": "value"},
     "variables": {...},
     "steps": [{"name": "bootstrap-aio.sh", "script": "scripts/bootstrap-aio.sh", "tasks": 91},
               {"name": "setup_hosts", "playbook": "openstack.osa.setup_hosts",
                "plays": 18, "tasks": 310}]}

``{host}`` and ``{interface}`` in ``variables`` are the public host and its card, as settled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..files import write_atomic
from ..layout import Layout
from ..problems import ApplianceProblem

FORMAT = 1


@dataclass(frozen=True)
class Step:
    """A script of the release or a playbook. ``plays`` and ``tasks`` are how many the build saw."""

    name: str
    script: str = ""
    playbook: str = ""
    plays: int = 0
    tasks: int = 0


@dataclass(frozen=True)
class Orders:
    """``variables`` are for scripts (``BOOTSTRAP_EXTRA_PARAMS``), ``environment`` for all steps."""

    folder: str
    wrapper: str
    runner: str
    environment: Mapping[str, str]
    variables: Mapping[str, Any]
    steps: tuple[Step, ...]

    @property
    def tasks(self) -> int:
        return sum(step.tasks for step in self.steps)


@dataclass(frozen=True)
class Done:
    """A step that is over: what it had, and how many seconds it took."""

    name: str
    plays: int
    tasks: int
    seconds: float


def load(path: Path) -> Orders:
    """The orders at ``path``. Raises ApplianceProblem where there are none."""
    try:
        return _parsed(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        raise ApplianceProblem(
            f"{path}: not there: this image is not a staged one", hint="there is nothing to deploy"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ApplianceProblem(f"{path}: {error}", hint="the image is damaged") from error


def _parsed(table: Mapping[str, Any]) -> Orders:
    if table["format"] != FORMAT:
        raise ValueError(f"format {table['format']} is not known here")
    return Orders(
        folder=table["folder"],
        wrapper=table["wrapper"],
        runner=table["runner"],
        environment=dict(table["environment"]),
        variables=dict(table["variables"]),
        steps=tuple(Step(**row) for row in table["steps"]),
    )


def over(layout: Layout) -> list[Done]:
    """The steps that are over, in their order; none where there is no record."""
    try:
        rows = json.loads(layout.deployed.read_text("utf-8"))["done"]
        return [Done(**row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def left(layout: Layout) -> list[str]:
    """Names of the steps still to come; none where the image has no orders. Raises as ``load``."""
    if not layout.orders.exists():
        return []
    done = {one.name for one in over(layout)}
    return [step.name for step in load(layout.orders).steps if step.name not in done]


def note(layout: Layout, done: list[Done]) -> None:
    """Remember across power cuts that these are over."""
    table = {"format": FORMAT, "done": [asdict(one) for one in done]}
    write_atomic(layout.deployed, json.dumps(table, indent=1) + "\n")


def spelled(value: Any, words: Mapping[str, str]) -> Any:
    """``value`` (JSON types) with each ``{name}`` of ``words`` in its texts replaced."""
    if isinstance(value, str):
        for name, word in words.items():
            value = value.replace(f"{{{name}}}", word)
        return value
    if isinstance(value, dict):
        return {key: spelled(each, words) for key, each in value.items()}
    if isinstance(value, list):
        return [spelled(each, words) for each in value]
    return value
