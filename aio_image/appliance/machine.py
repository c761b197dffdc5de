"""A resumable state machine: stages that may each be repeated, and a record of those that are over.

The record is replaced atomically after every stage. A stage that a power cut interrupts runs
again from its start at the next boot.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from .files import write_atomic
from .problems import ApplianceProblem


@dataclass(frozen=True)
class Stage:
    """``name`` goes into the record, ``says`` to the console. ``run`` may be run twice."""

    name: str
    says: str
    run: Callable[[], None]


@dataclass
class Record:
    """What is over, and ``values`` that must be the same when a later boot resumes."""

    path: Path
    release: str
    done: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path, release: str) -> Record:
        """The record at ``path``; an empty one when there is none, or it is another release's."""
        try:
            data = json.loads(path.read_text("utf-8"))
            if data["release"] != release:
                return cls(path, release)
            return cls(path, release, list(data["done"]), dict(data["values"]))
        except FileNotFoundError:
            return cls(path, release)
        except (KeyError, TypeError, ValueError) as error:
            raise ApplianceProblem(
                f"{path}: damaged ({error})", hint="remove it: personalise begins anew"
            ) from error

    def save(self) -> None:
        content = {"release": self.release, "done": self.done, "values": self.values}
        write_atomic(self.path, json.dumps(content, indent=1) + "\n", 0o600)


def advance(
    stages: Sequence[Stage],
    record: Record,
    told: Callable[[Stage, int, int], None],
    around: Callable[[Stage], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> None:
    """Run the stages that are not over, in order, each inside ``around(stage)``.

    ``told(stage, done, total)`` precedes each.
    """
    for number, stage in enumerate(stages):
        if stage.name in record.done:
            continue
        told(stage, number, len(stages))
        with around(stage):
            stage.run()
            record.done.append(stage.name)
            record.save()
