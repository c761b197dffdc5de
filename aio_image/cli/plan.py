"""`aio-image plan`: which steps a build would run, and why."""

from __future__ import annotations

import argparse
import json
from typing import Any

from aio_image.cli.options import build_home, columns, command_parser
from aio_image.cli.planning import STEPS_HELP, plan_arguments, plan_of, summary
from aio_image.plan.model import Plan
from aio_image.plan.outlook import StepOutlook, outlook
from aio_image.plan.table import STEP_NAMES

_DESCRIPTION = f"""\
Shows each step of a build, whether it would run, and why. Changes nothing.

A step's result is kept under a key made from everything it depends on: files, settings, the
code that runs it, and the steps before it. While the key is the same, the step is not run.

{STEPS_HELP}

examples:
  aio-image plan
  aio-image plan ./mine.yaml --set scenario=aio_metal
  aio-image plan --inputs bake      what the bake depends on
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command_parser(
        subparsers, "plan", "show which steps a build would run, and why", _DESCRIPTION
    )
    plan_arguments(parser)
    parser.add_argument(
        "--inputs", choices=STEP_NAMES, metavar="STEP", help="list what this step depends on"
    )


def run(args: argparse.Namespace) -> int:
    plan = plan_of(args)
    rows = outlook(plan, build_home(), start=args.start)
    if args.json:
        told = {"profile": plan.profile, "steps": [_as_json(row) for row in rows]}
        print(json.dumps(told, indent=2))
        return 0
    if args.inputs:
        step = plan.step(args.inputs)
        print(f"# {step.name} {step.key}")
        lines = [(each.digest[:12], each.label) for each in step.inputs]
        lines += [("setting", f"{name}: {value}") for name, value in step.settings.items()]
        lines += [(plan.step(name).key[:12], f"result of {name}") for name in step.needs]
        print("\n".join(columns(lines)))
        return 0
    said = {"run": "will run", "kept": "kept", "unneeded": "not needed"}
    table = [(row.step.name, said[row.action], row.reason.removeprefix("kept ")) for row in rows]
    print("\n".join([*columns(table), summary(rows), *_without_image(plan)]))
    return 0


def _without_image(plan: Plan) -> list[str]:
    """What a person has to know of a plan that does not end in an image."""
    if "image" in plan.targets:
        return []
    last = plan.steps[-1].name
    return [f"it ends at {last}: this version makes no image of it yet, and nothing was booted"]


def _as_json(row: StepOutlook) -> dict[str, Any]:
    return {
        "step": row.step.name,
        "title": row.step.title,
        "action": row.action,
        "reason": row.reason,
        "last_seconds": row.seconds,
        "key": row.step.key,
        "needs": list(row.step.needs),
        "settings": dict(row.step.settings),
        "inputs": [{"label": each.label, "digest": each.digest} for each in row.step.inputs],
    }
