"""Runs what is not over yet, in order, and says how far it is: ``aio deploy``.

A step that failed, or that a power cut interrupted, is run again from its beginning: the release's
scripts and playbooks may be repeated. Nothing that a playbook says goes to a console but its tasks'
names and the reason of a failure; all of it is in the unit's journal.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..files import make_folder
from ..layout import Layout
from ..machine import Record
from ..problems import ApplianceProblem
from ..status import FAILED, WORKING, Reporter, Status
from . import orders
from .events import Progress
from .orders import Done, Orders, Step

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# A console gets a line for a change; Ansible's tasks change more often than anybody reads.
_EACH = 2.0

Told = Callable[[Progress], None]


def run(layout: Layout, reporter: Reporter) -> list[Done]:
    """Deploy what is not deployed yet; all steps that are over then.

    Raises ApplianceProblem for the step that failed: with its name, task, place and reason.
    """
    asked = orders.load(layout.orders)
    done = orders.over(layout)
    status = Status("deploy", total=asked.tasks, detail="starting")
    before = 0
    for step in asked.steps:
        known = next((one for one in done if one.name == step.name), None)
        if known is None:
            try:
                known = _step(layout, asked, step, _teller(reporter, status, step, before))
            except ApplianceProblem as problem:
                status.state, status.detail = FAILED, problem.message
                status.problems = [problem.message]
                reporter.publish(status)
                raise
            done.append(known)
            orders.note(layout, done)
        before += step.tasks
    status.done, status.detail = status.total, "deployed"
    reporter.publish(status)
    return done


def play(
    layout: Layout, asked: Orders, playbook: str, told: Told, *, more: Sequence[str] = ()
) -> Progress:
    """Run ``playbook`` by the release's wrapper, through ansible-runner; ``more`` are its words.

    Raises ApplianceProblem with the task that failed, its place and what it said.
    """
    progress = Progress()
    with _private(layout) as folder:
        # With a wrapper for a binary, runner adds no playbook itself: it is a word of the command.
        command = " ".join([playbook, *more])
        words = [
            asked.runner, "run", str(folder), "--project-dir", asked.folder,
            "--binary", asked.wrapper, "--playbook", playbook, f"--cmdline={command}",
            "--ident", "deploy", "--json", "--omit-env-files", "--only-failed-event-data",
        ]  # fmt: skip
        status = _follow(words, asked.folder, asked.environment, progress, told)
    if status:
        raise _problem(playbook, progress, status)
    return progress


def script(layout: Layout, asked: Orders, path: str, told: Told) -> Progress:
    """Run a script of the release with the orders' variables. Raises as ``play``."""
    progress = Progress()
    record = Record.load(layout.state, layout.personalised.read_text("utf-8").strip()).values
    variables = orders.spelled(
        dict(asked.variables), {name: record[name] for name in ("host", "interface")}
    )
    with _private(layout) as folder:
        file = folder / "variables.json"
        file.touch(0o600)
        file.write_text(json.dumps(variables), "utf-8")
        environment = {**asked.environment, "BOOTSTRAP_EXTRA_PARAMS": f"-e @{file}"}
        status = _follow(["bash", path], asked.folder, environment, progress, told)
    if status:
        raise _problem(path, progress, status)
    return progress


def _step(layout: Layout, asked: Orders, step: Step, told: Told) -> Done:
    began = time.monotonic()
    if step.script:
        progress = script(layout, asked, step.script, told)
    else:
        progress = play(layout, asked, step.playbook, told)
    seconds = round(time.monotonic() - began, 1)
    print(f"{step.name}: {progress.plays} plays, {progress.tasks} tasks, {seconds} s", flush=True)
    return Done(step.name, progress.plays, progress.tasks, seconds)


def _teller(reporter: Reporter, status: Status, step: Step, before: int) -> Told:
    last = -_EACH

    def told(progress: Progress) -> None:
        nonlocal last
        status.state = WORKING
        # More tasks than the build saw are no more than all.
        status.done = before + min(progress.tasks, step.tasks)
        now = time.monotonic()
        if now - last < _EACH:
            return
        last = now
        plays = (
            f"play {progress.plays} of {max(step.plays, progress.plays)}, " if step.plays else ""
        )
        count = f"{plays}task {progress.tasks} of {max(step.tasks, progress.tasks)}"
        status.detail = f"{step.name}: {progress.task or 'starting'} ({count})"
        reporter.publish(status)

    return told


@contextmanager
def _private(layout: Layout) -> Iterator[Path]:
    """A folder in memory for what runner and Ansible write down: arguments may be secrets."""
    make_folder(layout.run)
    folder = layout.run / "deploy"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _follow(
    words: Sequence[str],
    folder: str,
    environment: Mapping[str, str],
    progress: Progress,
    told: Told,
) -> int:
    clean = {"PATH": _PATH, "HOME": "/root", "LC_ALL": "C.UTF-8", **environment}
    with subprocess.Popen(
        words,
        cwd=folder,
        env=clean,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as child:
        assert child.stdout is not None
        told(progress)
        for line in child.stdout:
            if said := progress.line(line.rstrip("\n")):
                print(said, flush=True)
            told(progress)
    return child.returncode


def _problem(what: str, progress: Progress, status: int) -> ApplianceProblem:
    said = progress.cause or f"status {status}: {progress.last or 'it said nothing'}"
    return ApplianceProblem(
        f"{what}: {said}",
        hint="journalctl -u aio-deploy; mended, systemctl restart aio-deploy goes on there",
    )
