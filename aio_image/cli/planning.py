"""What `build` and `plan` share: options that decide on a plan, the plan, and one line on it."""

from __future__ import annotations

import argparse
import textwrap

from aio_image.cli.options import profile_arguments
from aio_image.errors import UsageError
from aio_image.plan.build import make_plan
from aio_image.plan.model import Plan
from aio_image.plan.outlook import StepOutlook
from aio_image.plan.table import STEP_NAMES, STEPS
from aio_image.profile.load import load_profile

# For the descriptions of commands: the steps of each deployer and level.
STEPS_HELP = "\n".join(
    textwrap.fill(
        f"steps ({deployer}, {level}): {', '.join(dict.fromkeys(row.name for row in rows))}",
        width=95,
        subsequent_indent="  ",
        break_on_hyphens=False,
    )
    for (deployer, level), rows in STEPS.items()
)


def plan_arguments(parser: argparse.ArgumentParser) -> None:
    """PROFILE, --set, --from and --no-gate."""
    profile_arguments(parser)
    parser.add_argument(
        "--from",
        dest="start",
        choices=STEP_NAMES,
        metavar="STEP",
        help="run this step and all that depends on it, whatever is kept",
    )
    parser.add_argument(
        "--no-gate",
        action="store_true",
        help="leave out the native first boot of a copy; such an image is built apart",
    )


def plan_of(args: argparse.Namespace) -> Plan:
    """The plan that PROFILE, --set and --no-gate ask for.

    Raises ProfileError, and UsageError when another option names the step left out.
    """
    named = (args.start, getattr(args, "inputs", None))
    if args.no_gate and "gate" in named:
        raise UsageError("--no-gate leaves out the step gate, which another option names")
    plan = make_plan(load_profile(args.profile, args.settings), gate=not args.no_gate)
    known = [step.name for step in plan.steps]
    for name in named:
        if name and name not in known:
            raise UsageError(
                f"profile {plan.profile} has no step {name}", hint=f"it has {', '.join(known)}"
            )
    return plan


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
