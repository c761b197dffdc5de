"""The steps that run a playbook of OpenStack-Ansible, told as progress and, failing, as one line.

The wrapper ``openstack-ansible`` is used, as everybody uses it: run without it, Ansible would see
neither the inventory nor the ``user_*.yml``.
"""

from __future__ import annotations

import json
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aio_image.appliance import units
from aio_image.appliance.deploying.events import reason
from aio_image.bake.inside import run_inside
from aio_image.bake.osa.homes import homes_of
from aio_image.bake.osa.room import Room, entered
from aio_image.bake.osa.sources import CLONE
from aio_image.deployers.openstack_ansible.deploying import deployment
from aio_image.errors import BuildError
from aio_image.execution.context import StepContext

_TASK = re.compile(r"^(?P<kind>TASK|RUNNING HANDLER) \[(?P<name>.*)\] \**$")
_PLAY = re.compile(r"^PLAY \[(?P<name>.*)\] \**$")
_FATAL = re.compile(r"^(?:fatal|failed): \[(?P<host>[^\]]*)\].*?=> ?(?P<rest>.*)$")
_IGNORED = re.compile(r"^\.\.\.ignoring$")
_ERROR = re.compile(r"^\[ERROR\]: (?P<said>.*)$")
_ORIGIN = re.compile(r"^Origin: (?P<place>\S+)$")
_VARIABLES = "/run/aio-bake.json"
_LAST = 60
_LONGEST = 300


@dataclass
class Failure:
    """What went wrong: ``said`` by Ansible, at ``place`` (file:line:column)."""

    task: str
    host: str
    said: str
    place: str = ""


@dataclass
class Watch:
    """Reads what ansible-playbook prints (default callback, results as JSON)."""

    total: int
    progress: Callable[[str, float | None], None]
    tasks: int = 0
    plays: int = 0
    play: str = ""
    task: str = ""
    failures: list[Failure] = field(default_factory=list)
    cause: Failure | None = None
    said: str = ""
    place: str = ""
    last: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST))

    def line(self, line: str) -> None:
        """One line of its output."""
        self.last.append(line)
        if found := _TASK.match(line):
            self.tasks += 1
            # Handlers run after a failure, too, and fail where it left things half done.
            handling = found["kind"] != "TASK"
            if not handling:
                self.cause = None
            elif self.cause is None and self.failures:
                self.cause = self.failures[-1]
            self.task, self.said, self.place = found["name"], "", ""
            total = max(self.total, self.tasks)
            self.progress(f"{self.task} (task {self.tasks} of about {total})", self.tasks / total)
        elif found := _PLAY.match(line):
            self.plays += 1
            self.play = found["name"]
        elif found := _ERROR.match(line):
            self.said = found["said"]
        elif found := _ORIGIN.match(line):
            self.place = found["place"]
        elif found := _FATAL.match(line):
            said = _printed_reason(found["rest"]) or self.said
            self.failures.append(Failure(self.task, found["host"], said, self.place))
        elif _IGNORED.match(line) and self.failures:
            self.failures.pop()


def _printed_reason(result: str) -> str:
    """The most telling part of a result printed as JSON, in one line."""
    try:
        table = json.loads(result)
    except ValueError:
        return ""
    return " ".join(reason(table).split()) if isinstance(table, dict) else ""


def failure(name: str, watch: Watch) -> BuildError:
    """The error of a playbook that failed."""
    first = watch.cause or watch.failures[-1]
    where = f" ({first.place})" if first.place else ""
    said = first.said if len(first.said) <= _LONGEST else first.said[: _LONGEST - 1] + "…"
    return BuildError(
        f"{name}: task “{first.task}” on {first.host}{where}: {said or 'failed'}",
        hint="a cure that is a variable belongs into "
        "aio_image/deployers/openstack_ansible/deploy.yaml; the steps before this one are kept",
        details=[line[:2000] for line in watch.last if line.strip()][-25:],
    )


def play(ctx: StepContext, playbook: str) -> None:
    """Run ``openstack.osa.<playbook>`` on the trees before the step; the body of such a step.

    Keeps ``tree/`` and ``playbook.json``: ``{"playbook", "plays", "tasks", "seconds"}``. Raises
    BuildError naming the task that failed, its place and what it said.
    """
    table = deployment()
    with entered(ctx) as room:
        watch = Watch(table.tasks[playbook], ctx.progress)
        about = play_in(room, f"openstack.osa.{playbook}", watch)
        there = homes_of(room.root)
        for one in table.after[playbook]:
            script = ["sh", "-ec", one.run]
            room.container.run(units.inside(there.get(one.home, ""), script))
    (ctx.output / "playbook.json").write_text(json.dumps(about) + "\n", encoding="utf-8")


def play_in(room: Room, playbook: str, watch: Watch) -> dict[str, Any]:
    """Run ``playbook`` in ``room``, told of as ``watch`` does: ``{"playbook", "plays", "tasks",
    "seconds"}``. Raises BuildError as ``play``.
    """
    told = {**deployment().bake, "deployment_environment_variables": dict(room.environment)}
    room.container.run(["tee", _VARIABLES], feed=json.dumps(told))

    def on_line(line: str) -> None:
        print(line, flush=True)
        watch.line(line)

    began = time.monotonic()
    status = room.run(
        ["openstack-ansible", playbook, "-e", f"@{_VARIABLES}"],
        on_line,
        folder=CLONE,
        environment={"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1"},
    )
    seconds = round(time.monotonic() - began)
    print(f"{playbook}: {watch.plays} plays, {watch.tasks} tasks, {seconds} s", flush=True)
    if status != 0:
        if watch.failures:
            raise failure(playbook, watch)
        said = [line for line in watch.last if line.strip()]
        wrong = next((line for line in said if "ERROR" in line), said[-1] if said else "")
        raise BuildError(
            f"{playbook} did not run (status {status}): {wrong[:_LONGEST]}",
            hint="its output is in the step's log",
            details=said[-25:],
        )
    return {"playbook": playbook, "plays": watch.plays, "tasks": watch.tasks, "seconds": seconds}


def run(ctx: StepContext) -> None:
    """The code of the steps that are named after their playbook."""
    run_inside(_body, ctx)


def _body(ctx: StepContext) -> None:
    play(ctx, ctx.step.name)
