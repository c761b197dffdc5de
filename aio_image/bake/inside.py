"""Runs the body of a step as a Python process of its own in private namespaces.

Overlays, containers and their processes must vanish with the step, even when the build is killed.
So a step that mounts calls ``run_inside``: a child Python in private mount and pid namespaces
(host.namespace) imports the same module and runs its body there. The child says what happens on
its output, one JSON object a line behind a marker; every other line is plain log.
"""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aio_image import errors
from aio_image.errors import AioError, BuildError
from aio_image.execution.context import StepContext
from aio_image.host.namespace import run_private
from aio_image.paths import Home
from aio_image.plan.model import Input, Step
from aio_image.report.events import Event, Events, Notice, StepProgress

_EVENT = "@event "
_ERROR = "@error "
_SPOKEN = {kind.__name__: kind for kind in (StepProgress, Notice)}

Body = Callable[[StepContext], None]


def run_inside(body: Body, ctx: StepContext) -> None:
    """Run ``body(ctx)`` in private mount and pid namespaces; needs root.

    ``body`` is a function of a module. What it emits as StepProgress or Notice is emitted here;
    an AioError it raises is raised here; anything else it raises becomes a BuildError that names
    the log, where the traceback is.
    """
    request = ctx.work / "inside.json"
    request.write_text(json.dumps(_packed(body, ctx)), encoding="utf-8")
    failure: list[AioError] = []

    def on_line(line: str) -> None:
        if line.startswith(_EVENT):
            ctx.events.emit(_event(json.loads(line.removeprefix(_EVENT))))
        elif line.startswith(_ERROR):
            failure.append(_error(json.loads(line.removeprefix(_ERROR))))

    status = run_private(
        [sys.executable, "-m", __name__, request],
        log=ctx.log,
        # The package may be a checkout that is not installed: the child finds it where we did.
        env={"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "PYTHONUNBUFFERED": "1"},
        on_line=on_line,
        cancel=ctx.cancel,
    )
    if failure:
        raise failure[0]
    if status != 0:
        raise BuildError(
            f"step {ctx.step.name} ended with status {status} without saying why",
            hint="the end of its log has the reason",
            log=ctx.log,
        )


def _packed(body: Body, ctx: StepContext) -> dict[str, Any]:
    step = asdict(ctx.step)
    step["settings"] = dict(ctx.step.settings)
    return {
        "module": body.__module__,
        "body": body.__name__,
        "step": step,
        "home": str(ctx.home.root),
        "inputs": {name: str(path) for name, path in ctx.inputs.items()},
        "output": str(ctx.output),
        "work": str(ctx.work),
        "log": str(ctx.log),
    }


def _unpacked(packed: dict[str, Any], events: Events) -> tuple[Body, StepContext]:
    step = packed["step"]
    ctx = StepContext(
        step=Step(
            name=step["name"],
            title=step["title"],
            needs=tuple(step["needs"]),
            settings=step["settings"],
            inputs=tuple(Input(**each) for each in step["inputs"]),
            key=step["key"],
            layers=tuple(step["layers"]),
        ),
        home=Home(Path(packed["home"])),
        inputs={name: Path(path) for name, path in packed["inputs"].items()},
        output=Path(packed["output"]),
        work=Path(packed["work"]),
        log=Path(packed["log"]),
        events=events,
    )
    body: Body = getattr(importlib.import_module(packed["module"]), packed["body"])
    return body, ctx


def _event(said: dict[str, Any]) -> Event:
    return _SPOKEN[said.pop("event")](**said)


def _error(said: dict[str, Any]) -> AioError:
    kind = getattr(errors, said["kind"], BuildError)
    log = Path(said["log"]) if said["log"] else None
    error: AioError = kind(said["message"], hint=said["hint"], details=said["details"], log=log)
    return error


def _say(marker: str, body: dict[str, Any]) -> None:
    # One write: lines of the programs that share this output cannot get in between.
    sys.stdout.write(marker + json.dumps(body) + "\n")
    sys.stdout.flush()


def _speak(event: Event) -> None:
    if type(event).__name__ in _SPOKEN:
        _say(_EVENT, event.as_dict())


def main(request: Path) -> int:
    """The child's side: run what ``request`` (a JSON file) names; exit status 0 or 1."""
    body, ctx = _unpacked(json.loads(request.read_text(encoding="utf-8")), Events(_speak))
    try:
        body(ctx)
    except AioError as error:
        _say(
            _ERROR,
            {
                "kind": type(error).__name__,
                "message": error.message,
                "hint": error.hint,
                "details": error.details,
                "log": str(error.log or ctx.log),
            },
        )
        return 1
    except Exception as error:  # it crosses a process border here
        traceback.print_exc()
        _say(
            _ERROR,
            {
                "kind": "BuildError",
                "message": f"step {ctx.step.name}: {type(error).__name__}: {error}",
                "hint": "this is a fault in aio-image: the log has the traceback",
                "details": [],
                "log": str(ctx.log),
            },
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
