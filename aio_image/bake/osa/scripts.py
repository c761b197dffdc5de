"""Running a script of the release in the container, told as progress and, failing, as one line."""

from __future__ import annotations

import time
from collections.abc import Mapping

from aio_image.bake.osa.playbooks import Watch, failure
from aio_image.bake.osa.room import Room
from aio_image.bake.osa.sources import CLONE
from aio_image.deployers.openstack_ansible.deploying import deployment
from aio_image.errors import BuildError
from aio_image.execution.context import StepContext


def run_script(ctx: StepContext, room: Room, script: str, environment: Mapping[str, str]) -> None:
    """Run ``scripts/<script>`` of the release. Raises BuildError with what it said last."""
    began = time.monotonic()
    watch = Watch(deployment().tasks[script], ctx.progress)

    def on_line(line: str) -> None:
        print(line, flush=True)
        watch.line(line)

    status = room.run(["bash", f"scripts/{script}"], on_line, folder=CLONE, environment=environment)
    print(f"{script} took {time.monotonic() - began:.0f} s", flush=True)
    if status != 0:
        if watch.failures:
            raise failure(script, watch)
        said = [line for line in watch.last if line.strip() and not line.startswith("+ ")]
        raise BuildError(
            f"{script} ended with status {status}: {said[-1] if said else 'it said nothing'}",
            hint="its output is in the step's log",
            details=said[-20:],
        )
