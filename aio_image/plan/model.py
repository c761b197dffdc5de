"""A plan: frozen steps, each with everything its result depends on. Pure data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aio_image.deployers import HostNeeds

# Of a deployer whose images cannot be made yet, it is the last step there is.
_TARGETS = ("image", "manifest")


@dataclass(frozen=True)
class Input:
    """What a step's result depends on: ``label`` for people, ``digest`` (sha256 hex) for keys."""

    label: str
    digest: str


@dataclass(frozen=True)
class Step:
    """One step of a build.

    ``name`` is also its folder's name and selects the code that runs it; ``needs`` are the steps
    whose outputs it reads, ``layers`` those of them that keep a tree, lowest first (the operating
    system); ``settings`` are the values (JSON types) it takes from the profile.
    ``key`` is the sha256 (hex) over name, settings, inputs and the keys of its needs: two steps
    with one key give the same result, so the second is not run. ``code`` names the module that
    runs it.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    settings: Mapping[str, Any]
    inputs: tuple[Input, ...]
    key: str
    code: str = ""
    layers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """The steps of a profile in the order they run.

    ``needs``: what they take of the host, where that is known.
    """

    profile: str
    steps: tuple[Step, ...]
    needs: HostNeeds | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """What a build of it is for: these have to be there when it ends."""
        named = tuple(step.name for step in self.steps if step.name in _TARGETS)
        return named or tuple(step.name for step in self.steps[-1:])

    def step(self, name: str) -> Step:
        """The step called ``name``; KeyError when there is none."""
        for step in self.steps:
            if step.name == name:
                return step
        raise KeyError(name)


def step_key(
    name: str, settings: Mapping[str, Any], inputs: tuple[Input, ...], needs_keys: tuple[str, ...]
) -> str:
    """The content key of a step: sha256 hex over everything its result depends on."""
    body = {
        "name": name,
        "settings": settings,
        "inputs": sorted((i.label, i.digest) for i in inputs),
        "needs": list(needs_keys),
    }
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
