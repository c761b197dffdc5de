"""Every boot, before every service (their units require ours): settle what there is to settle.

Without OpenStack's own programs, which take seconds each to start. A first boot says what stands in
its way and goes on when it is gone; a later one only warns, for there is a cloud that works.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from . import fence, notices, settled
from .files import make_folder, write_atomic
from .layout import Layout
from .machine import Stage, advance
from .problems import ApplianceProblem
from .settlement import Settlement
from .stages import timed
from .status import FAILED, Reporter, Status
from .troubles import as_problem
from .waiting import ConfigChanged

SOURCE = "personalise"
_AGAIN = 15.0


def run(layout: Layout, reporter: Reporter) -> Settlement | None:
    """Personalise, take up where a power cut left off, or settle what changed since.

    At a first boot a failure is on every console before ApplianceProblem is raised, and services
    stay down. Later ones only warn (and give None): what was settled last stays in force.
    """
    first = not layout.personalised.exists()
    while True:
        try:
            return settle(layout, reporter)
        except ConfigChanged:
            continue
        except ApplianceProblem as problem:
            if first:
                raise
            cure = f"; {problem.hint}" if problem.hint else ""
            warning = f"{problem.message}{cure}; what was settled before holds"
            notices.put(layout, SOURCE, [warning])
            print(f"warning: {warning}", flush=True)
            return None


def settle(layout: Layout, reporter: Reporter) -> Settlement:
    """One try. Raises ApplianceProblem, and ConfigChanged when all is to be read again."""
    first = not layout.personalised.exists()
    status = Status("personalise" if first else "settle", detail="starting")

    def say(text: str) -> None:
        status.detail = text
        reporter.publish(status)

    def told(stage: Stage, done: int, total: int) -> None:
        status.done, status.total = done, total
        say(stage.says)

    try:
        with only_one(layout):
            work = Settlement(layout, say)
            work.check()
            notices.put(layout, SOURCE, work.warnings)
            stages = work.stages()
            ran = advance(stages, work.record, told, lambda stage: timed(layout, stage.name))
            work.finish()
            if first:
                write_atomic(layout.personalised, f"{work.ledger.bake_id}\n")
    except (ApplianceProblem, OSError, subprocess.SubprocessError, KeyError) as error:
        problem = as_problem(error, layout)
        if first:
            status.state, status.problems = FAILED, list(problem.details)
            say(f"{problem.message}; {problem.hint}" if problem.hint else problem.message)
        raise problem from error
    notices.put(layout, SOURCE, work.warnings)
    for warning in [*work.warnings, *work.once]:
        print(f"warning: {warning}", flush=True)
    if ran:
        status.done = status.total
        say("personalised" if first else f"settled anew: {', '.join(ran)}")
    work.ran = ran
    return work


def persist(layout: Layout, reporter: Reporter) -> None:
    """Personalise until it works: what stands in its way may go while we wait.

    Meanwhile the status page says what that is. Tries again when the configuration changes, and
    every quarter of a minute; consoles are only told what is new.
    """
    while True:
        before = settled.fingerprint(layout)
        try:
            run(layout, reporter)
        except ApplianceProblem as problem:
            print(f"{problem.message}; {problem.hint}", *problem.details, sep="\n  ", flush=True)
            reporter.quiet = True
            fence.open_alone(layout)
            over = time.monotonic() + _AGAIN
            while time.monotonic() < over and settled.fingerprint(layout) == before:
                time.sleep(2)
        else:
            fence.close_alone(layout)
            return


@contextmanager
def only_one(layout: Layout) -> Iterator[None]:
    """Nobody else settles meanwhile."""
    make_folder(layout.run)
    handle = os.open(layout.run / "settle.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
