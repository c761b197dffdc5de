"""Runs a playbook against a container through ansible-runner, and tells it as a step's progress.

Inventory, connection and settings are the playbooks' own (``playbooks/ansible.cfg``); this module
supplies the interpreter, a clean environment, the extra variables, and sense: which task of how
many, and on failure one line with the playbook, role, task, its place and what the module said.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner
import yaml

from aio_image.errors import BuildError
from aio_image.host.process import clean_environment

Progress = Callable[[str, float | None], None]

_FAILED = {"runner_on_failed", "runner_on_unreachable"}
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Playbook:
    """A playbook file with its extra variables, and a folder for what ansible writes."""

    file: Path
    variables: Mapping[str, Any]
    work: Path

    def environment(self) -> dict[str, str]:
        """What ansible-playbook gets: our programs first, no file of the caller's home."""
        programs = Path(sys.executable).parent
        clean = clean_environment()
        return {
            **clean,
            "PATH": f"{programs}:{clean['PATH']}",
            "ANSIBLE_CONFIG": str(self.file.parent / "ansible.cfg"),
            "ANSIBLE_HOME": str(self.work / "home"),
            # The collections that came with our ansible are found without this; those in the
            # home of whoever builds must not be.
            "ANSIBLE_COLLECTIONS_PATH": str(self.work / "collections"),
            "ANSIBLE_NOCOLOR": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        }


@dataclass
class _Watch:
    """Turns runner events into progress and keeps what failed."""

    playbook: Playbook
    total: int
    progress: Progress
    started: set[str] = field(default_factory=set)
    shown: str = ""
    failures: list[dict[str, Any]] = field(default_factory=list)
    tail: list[str] = field(default_factory=list)

    def on_event(self, event: dict[str, Any]) -> bool:
        text = event.get("stdout") or ""
        if text:
            print(text, flush=True)
            self.tail = [*self.tail, *text.splitlines()][-40:]
        kind, data = event.get("event"), event.get("event_data") or {}
        if kind == "playbook_on_task_start":
            self._task(data)
        elif kind in _FAILED and not data.get("ignore_errors"):
            self.failures.append(data)
        return False  # runner keeps no file of this event

    def _task(self, data: dict[str, Any]) -> None:
        self.started.add(str(data.get("task_uuid")))
        number = len(self.started)
        label = " : ".join(str(data[key]) for key in ("role", "task") if data.get(key))
        total = max(self.total, number)
        text = f"{label} (task {number} of {total})"
        # Services are set up side by side: one task starts once for each of them.
        if text != self.shown:
            self.shown = text
            self.progress(text, number / total)


def count_tasks(file: Path, roles: Collection[str]) -> int:
    """How many tasks the playbook ``file`` and those of ``roles`` that are beside it have.

    Roles are included while running, so ``ansible-playbook --list-tasks`` does not see them; each
    is included once, so what stands in their files is what will run, give or take a condition.
    """
    tasks = [path for role in roles for path in file.parent.glob(f"roles/{role}/tasks/*.yml")]
    plays = yaml.load(file.read_text(encoding="utf-8"), _Lenient)
    count = sum(_tasks(play.get("tasks")) for play in plays)
    return count + sum(_tasks(yaml.load(r.read_text(encoding="utf-8"), _Lenient)) for r in tasks)


def _tasks(rows: Any) -> int:
    return sum(
        sum(_tasks(row.get(part)) for part in ("block", "rescue", "always"))
        if "block" in row
        else 1
        for row in rows or ()
    )


class _Lenient(yaml.SafeLoader):
    """Takes Ansible's own tags (!unsafe, !vault) as they come."""


_Lenient.add_multi_constructor("!", lambda *_: None)


def play(playbook: Playbook, progress: Progress, total: int) -> None:
    """Run ``playbook`` to its end; what ansible says goes to stdout.

    ``total`` is about how many tasks there are. Raises BuildError when a task fails, with the
    playbook, role, task, file and line in its message and what the module said.
    """
    watch = _Watch(playbook, total, progress)
    variables = _variables_file(playbook)
    # Runner starts from this process's environment: take what the playbook must not see away.
    environment = playbook.environment()
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    outcome = ansible_runner.run(
        private_data_dir=str(playbook.work),
        project_dir=str(playbook.file.parent),
        playbook=str(playbook.file),
        cmdline=f"--extra-vars @{variables}",
        envvars=environment,
        event_handler=watch.on_event,
        quiet=True,
        ident="bake",
    )
    if outcome.status != "successful":
        raise _failure(watch, outcome.rc)


def _variables_file(playbook: Playbook) -> Path:
    """The extra variables as a file of 0600: on a command line everybody could read them."""
    playbook.work.mkdir(parents=True, exist_ok=True)
    path = playbook.work / "variables.yml"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        yaml.safe_dump(dict(playbook.variables), stream)
    return path


def _failure(watch: _Watch, status: int | None) -> BuildError:
    name = watch.playbook.file.name
    hint = "mend the task and build again: the steps before the bake are kept"
    if not watch.failures:
        said = [line for line in watch.tail if line.strip()]
        wrong = next((line for line in said if "ERROR" in line), said[-1] if said else "")
        return BuildError(
            f"playbook {name} did not run (status {status}): {_one_line(wrong)}",
            hint=hint,
            details=said[-20:],
        )
    first = watch.failures[0]
    details = []
    for data in watch.failures:
        result = data.get("res") or {}
        details.append(f"{_where(watch, data)}: {_reason(result)}")
        for stream in ("stderr", "module_stderr", "stdout", "module_stdout"):
            details += [f"  {line}" for line in str(result.get(stream) or "").splitlines()[-10:]]
    return BuildError(
        f"playbook {name}: {_where(watch, first)}: {_reason(first.get('res') or {})}",
        hint=hint,
        details=details,
    )


def _where(watch: _Watch, data: Mapping[str, Any]) -> str:
    place = str(data.get("task_path") or "")
    if place.startswith("/"):
        place = os.path.relpath(place, watch.playbook.file.parent.parent)
    role = f"role {data['role']}, " if data.get("role") else ""
    return f"{role}task “{data.get('task')}” on {data.get('host')} ({place})"


def _reason(result: Mapping[str, Any]) -> str:
    """What a module said was wrong, as one line."""
    if result.get("_ansible_no_log") or "censored" in result:
        return "its output is hidden because it may hold secrets (no_log)"
    for item in result.get("results") or ():
        if isinstance(item, Mapping) and item.get("failed"):
            label = item.get("_ansible_item_label", item.get("item"))
            return _one_line(f"item {label}: {_reason(item)}")
    said = str(result.get("msg") or result.get("reason") or "failed without a message")
    if said in {"non-zero return code", "MODULE FAILURE"} or said.startswith("Task failed: Mod"):
        lines = str(result.get("stderr") or result.get("module_stderr") or "").strip().splitlines()
        lines = lines or str(result.get("stdout") or "").strip().splitlines()
        if lines:
            said = f"exit {result.get('rc')}: {lines[-1]}"
    return _one_line(said)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 1] + "…"
