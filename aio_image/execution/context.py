"""What a step's code is given, and the shape that code has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from aio_image.host.cancel import Cancel
from aio_image.paths import Home
from aio_image.plan.model import Step
from aio_image.report.events import Events, StepProgress


@dataclass(frozen=True)
class StepContext:
    """Everything a step may use.

    ``output`` is an empty folder that becomes the step's kept result when ``run`` returns, and
    is thrown away when it raises. ``inputs`` maps each needed step's name to its kept result;
    ``layers`` are those of them that hold a tree, lowest first (for ``host.trees``).
    ``work`` is scratch on the same file system. ``log`` is open for appending by anyone.
    ``cancel`` is set when the build is to stop: give it to ``run_private`` and to callbacks.
    """

    step: Step
    home: Home
    inputs: Mapping[str, Path]
    output: Path
    work: Path
    log: Path
    events: Events
    cancel: Cancel = field(default_factory=Cancel)

    @property
    def layers(self) -> tuple[Path, ...]:
        return tuple(self.inputs[name] for name in self.step.layers)

    def progress(self, message: str, fraction: float | None = None) -> None:
        self.events.emit(StepProgress(self.step.name, message, fraction))


class StepCode(Protocol):
    """Runs one step. Raises an AioError when it fails; leaves nothing mounted either way."""

    def __call__(self, ctx: StepContext) -> None: ...
