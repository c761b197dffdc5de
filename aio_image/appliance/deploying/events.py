"""What ansible-runner and the release's scripts tell, as counts, one line of progress, and a cause.

Runner's events: https://ansible.readthedocs.io/projects/runner/en/latest/ (job events); with
``--json`` each is a line. A script's own Ansible prints ``TASK [...]``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_TASK = re.compile(r"^(?P<kind>TASK|RUNNING HANDLER) \[(?P<name>.*)\] \**$")
_PLAY = re.compile(r"^PLAY \[(?P<name>.*)\] \**$")
# Of handlers, too: what Ansible prints tells them apart.
_START = "playbook_on_task_start"
_FAILED = ("runner_on_failed", "runner_on_unreachable")
_LONGEST = 300


@dataclass
class Progress:
    """``cause`` is the failure that ended it, as far as is known now: one line."""

    plays: int = 0
    tasks: int = 0
    task: str = ""
    cause: str = ""
    last: str = ""
    _handling: bool = False

    def line(self, line: str) -> str:
        """Take in a line of ansible-runner's ``--json``, or of what a script says.

        Returns what of it is for people, without the end of the line; "" where nothing is.
        """
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if isinstance(event, dict) and "event" in event:
            self._event(event)
            return str(event.get("stdout") or "").strip("\n")
        self._plain(line)
        return line

    def _plain(self, line: str) -> None:
        if line.strip():
            self.last = line.strip()[:_LONGEST]
        if found := _TASK.match(line):
            self.tasks += 1
            self.task = found["name"]
        elif _PLAY.match(line):
            self.plays += 1

    def _event(self, event: Mapping[str, Any]) -> None:
        kind, data = event["event"], event.get("event_data") or {}
        handling = False
        for said in str(event.get("stdout") or "").splitlines():
            self.last = said.strip()[:_LONGEST] or self.last
            # Of what did not fail, runner is asked for nothing but what Ansible prints.
            if found := _TASK.match(said):
                self.task, handling = found["name"], found["kind"] != "TASK"
        if kind == "playbook_on_play_start":
            self.plays += 1
        elif kind == _START:
            self.tasks += 1
            # Handlers run after a failure, too, and fail where it left things half done.
            self._handling = handling
            if not handling:
                self.cause = ""  # whatever failed before was mended in a rescue
        elif kind in _FAILED and not data.get("ignore_errors"):
            known = self.cause if self._handling else ""
            self.cause = known or _cause(data, self.task)


def _cause(data: Mapping[str, Any], task: str) -> str:
    result = data.get("res") or {}
    where = f" ({data['task_path']})" if data.get("task_path") else ""
    said = reason(result) or "failed without a message"
    return _one_line(f"task “{task}”{where}: {said}")


def reason(result: Mapping[str, Any]) -> str:
    """The most telling part of a task's result (of a loop: of the first item that failed).

    "" where it says nothing. (Common return values: docs.ansible.com.)
    """
    if result.get("_ansible_no_log") or "censored" in result:
        return "its output is hidden because it may hold secrets (no_log)"
    said = str(result.get("msg") or "")
    for item in result.get("results") or ():
        if isinstance(item, dict) and item.get("failed"):
            return reason(item)
    for stream in ("stderr", "module_stderr", "stdout"):
        lines = str(result.get(stream) or "").strip().splitlines()
        if lines and said in ("", "non-zero return code", "MODULE FAILURE"):
            said = f"exit {result.get('rc')}: {lines[-1]}"
    return said


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
