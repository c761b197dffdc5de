"""A resumable state machine: stages that may be repeated, and a record of what they were made of.

The record is replaced atomically after every stage. A stage that a power cut interrupts runs
again from its start at the next boot; one that is over runs again when what it is made of changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .files import write_atomic
from .problems import ApplianceProblem

ONCE = ""


def digest(*parts: Any) -> str:
    """Short and the same for the same ``parts`` (JSON types)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Stage:
    """``name`` goes into the record, ``says`` to the console. ``run`` may be run twice.

    ``made_of`` gives the digest of what the stage depends on; without it, it runs once.
    """

    name: str
    says: str
    run: Callable[[], None]
    made_of: Callable[[], str] = lambda: ONCE


@dataclass
class Record:
    """``done``: stage → digest of what it was made of. ``values`` are what later boots must know.

    ``config`` is the configuration in force, without its secrets (``settled.py``).
    """

    path: Path
    release: str
    done: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, release: str) -> Record:
        """The record at ``path``; an empty one when there is none, or it is another release's."""
        try:
            data = json.loads(path.read_text("utf-8"))
            if data["release"] != release:
                return cls(path, release)
            return cls(
                path, release, dict(data["done"]), dict(data["values"]), dict(data["config"])
            )
        except FileNotFoundError:
            return cls(path, release)
        except (KeyError, TypeError, ValueError) as error:
            raise ApplianceProblem(
                f"{path}: damaged ({error})", hint="remove it: personalise begins anew"
            ) from error

    def save(self) -> None:
        content = {
            "release": self.release,
            "done": self.done,
            "values": self.values,
            "config": self.config,
        }
        write_atomic(self.path, json.dumps(content, indent=1) + "\n", 0o600)


def advance(
    stages: Sequence[Stage],
    record: Record,
    told: Callable[[Stage, int, int], None],
    around: Callable[[Stage], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> list[str]:
    """Run the stages that are due, in order, each inside ``around(stage)``. Their names.

    ``told(stage, done, total)`` precedes each.
    """
    ran = []
    for number, stage in enumerate(stages):
        made_of = stage.made_of()
        if record.done.get(stage.name) == made_of:
            continue
        told(stage, number, len(stages))
        with around(stage):
            stage.run()
            record.done[stage.name] = made_of
            record.save()
        ran.append(stage.name)
    return ran
