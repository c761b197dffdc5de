"""`aio-image plan`: which steps a build would run, and why."""

from __future__ import annotations

import argparse
import json
from typing import Any

from aio_image.cli.options import (
    HelpFormatter,
    build_home,
    columns,
    output_options,
    profile_arguments,
)
from aio_image.errors import UsageError
from aio_image.plan.build import make_plan
from aio_image.plan.model import Plan
from aio_image.plan.outlook import StepOutlook, outlook
from aio_image.plan.table import STEP_NAMES
from aio_image.profile.load import load_profile

_DESCRIPTION = """\
Shows each step of a build, whether it would run, and why. Changes nothing.

A step's result is kept under a key made from everything it depends on: files, settings, the
code that runs it, and the steps before it. While the key is the same, the step is not run.

examples:
  aio-image plan
  aio-image plan ./mine.yaml --set scenario=aio_metal
  aio-image plan --inputs bake      what the bake depends on
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "plan",
        help="show which steps a build would run, and why",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        parents=[output_options()],
    )
    profile_arguments(parser)
    parser.add_argument(
        "--from",
        dest="start",
        choices=STEP_NAMES,
        metavar="STEP",
        help=f"as if this step had to run: {', '.join(STEP_NAMES)}",
    )
    parser.add_argument("--no-gate", action="store_true", help="without the native first boot")
    parser.add_argument(
        "--inputs", choices=STEP_NAMES, metavar="STEP", help="list what this step depends on"
    )


def plan_of(args: argparse.Namespace) -> Plan:
    """The plan that PROFILE, --set and --no-gate ask for.

    Raises ProfileError, and UsageError when another option names the step left out.
    """
    named = (args.start, getattr(args, "inputs", None))
    if args.no_gate and "gate" in named:
        raise UsageError("--no-gate leaves out the step gate, which another option names")
    return make_plan(load_profile(args.profile, args.settings), gate=not args.no_gate)


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
    print("\n".join([*columns(table), summary(rows)]))
    return 0


def summary(rows: tuple[StepOutlook, ...]) -> str:
    """One line: how many steps run, and how long that takes going by last time."""
    running = [row for row in rows if row.action == "run"]
    if not running:
        return "nothing to do"
    known = [row.seconds for row in running if row.seconds is not None]
    count = f"{len(running)} of {len(rows)} steps will run"
    if len(known) < len(running):
        return count
    return f"{count}, about {duration(sum(known))} going by last time"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


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
