"""What a build would do: for each step whether it runs, and why. Reads records, changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aio_image.paths import Home
from aio_image.plan.kept import Record, read_records
from aio_image.plan.model import Plan, Step
from aio_image.profile.units import format_size

Action = Literal["run", "kept", "unneeded"]

_MOST_REASONS = 2


@dataclass(frozen=True)
class StepOutlook:
    """``seconds``: how long the step took last time, None when it never ran."""

    step: Step
    action: Action
    reason: str
    seconds: float | None


def outlook(
    plan: Plan, home: Home, *, start: str | None = None, targets: Sequence[str] | None = None
) -> tuple[StepOutlook, ...]:
    """One outlook a step, in the plan's order. ``start`` runs that step whatever is kept.

    ``targets`` are the steps whose results are wanted, the plan's own by default.

    A step runs when its result is wanted and not there, or when something it is made from runs:
    a root made a second time may hold newer packages, and what was laid over the first does
    not fit it. It is unneeded when everything made from it is there already.
    """
    records = {step.name: read_records(home, step.name) for step in plan.steps}
    kept = _what_is_kept(plan, records)
    runs = _what_runs(plan, frozenset(kept), start, plan.targets if targets is None else targets)
    found = []
    for step in plan.steps:
        last = records[step.name][0] if records[step.name] else None
        seconds = kept[step.name].seconds if step.name in kept else last.seconds if last else None
        action: Action = "run" if step.name in runs else "kept"
        if step.name in runs:
            reason = _why(plan, step, records[step.name], runs, start)
        elif step.name in kept:
            when = kept[step.name].finished.astimezone()
            reason = f"kept from {when:%Y-%m-%d %H:%M}"
        else:
            action, reason = "unneeded", "what is made from it is kept"
        found.append(StepOutlook(step, action, reason, seconds))
    return tuple(found)


def _what_is_kept(plan: Plan, records: Mapping[str, Sequence[Record]]) -> dict[str, Record]:
    """The result of each step that has one under its key, made from what is kept now.

    A root can be made again under its old key (--from root); what was laid over the older one
    is older than it, and does not fit it.
    """
    kept: dict[str, Record] = {}
    for step in plan.steps:
        for record in records[step.name]:
            below = [kept[name].finished for name in step.needs if name in kept]
            if record.key == step.key and all(record.finished >= when for when in below):
                kept[step.name] = record
    return kept


def _what_runs(
    plan: Plan, kept: frozenset[str], start: str | None, targets: Sequence[str]
) -> frozenset[str]:
    runs: set[str] = {start} if start else set()
    while True:
        before = len(runs)
        wanted = set(targets) | runs
        for step in reversed(plan.steps):
            if step.name in wanted and (step.name in runs or step.name not in kept):
                runs.add(step.name)
                wanted |= set(step.needs)
        for step in plan.steps:
            if runs & set(step.needs):
                runs.add(step.name)
        if len(runs) == before:
            return frozenset(runs)


def _why(
    plan: Plan, step: Step, records: Sequence[Record], runs: frozenset[str], start: str | None
) -> str:
    if step.name == start:
        return f"asked for by --from {start}"
    running = [name for name in step.needs if name in runs]
    mine = [record for record in records if record.profile == plan.profile] or records
    if not mine:
        return "never built"
    last = mine[0]
    changes = _changed_inputs(step, last) + _changed_settings(step.settings, last.settings)
    if changes:
        more = len(changes) - _MOST_REASONS
        shown = ", ".join(changes[:_MOST_REASONS])
        return f"{shown} and {more} more" if more > 0 else shown
    if running:
        return f"needs {running[-1]}, which will run"
    others = [name for name in step.needs if last.needs.get(name) != plan.step(name).key]
    if others:
        return f"{others[0]} is another one than last time"
    return "what it was made from was made again since"


def _changed_inputs(step: Step, last: Record) -> list[str]:
    now = {each.label: each.digest for each in step.inputs}
    changes = []
    for label in sorted(now.keys() | last.inputs.keys()):
        if label not in last.inputs:
            changes.append(f"{label} added")
        elif label not in now:
            changes.append(f"{label} removed")
        elif now[label] != last.inputs[label]:
            changes.append(f"{label} changed")
    return changes


def _changed_settings(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    changes = []
    for name in sorted(now.keys() | then.keys()):
        new, old = now.get(name), then.get(name)
        if new == old:
            continue
        if isinstance(new, list) and isinstance(old, list):
            changes += [f"{name}: {each} added" for each in new if each not in old]
            changes += [f"{name}: {each} removed" for each in old if each not in new]
        else:
            changes.append(f"{name} was {spelled(name, old)}, is {spelled(name, new)}")
    return changes


def spelled(name: str, value: Any) -> str:
    """A setting as people write it: sizes with their unit, null as `none`."""
    if value is None:
        return "none"
    if isinstance(value, int) and name.endswith((".size", ".memory")):
        return format_size(value)
    return str(value)
