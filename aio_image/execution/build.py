"""A build from first to last: leftovers reaped, a run claimed, steps run, everything freed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aio_image.doctor.checks import require
from aio_image.doctor.model import BUILD
from aio_image.execution.context import StepCode
from aio_image.execution.reasons import disk_full
from aio_image.execution.runner import Runner, load_codes
from aio_image.host import reap, runs
from aio_image.host.cancel import Cancel, stopped_by_signals
from aio_image.paths import Home
from aio_image.plan.model import Plan
from aio_image.report.events import Events, Notice


def build(
    plan: Plan,
    home: Home,
    events: Events,
    *,
    start: str | None = None,
    targets: tuple[str, ...] | None = None,
    keep_failed: bool = False,
    codes: Mapping[str, StepCode] | None = None,
) -> dict[str, Path]:
    """Run ``plan`` and give the result folder of each step that was kept or made.

    From the main thread only: SIGINT, SIGTERM and SIGHUP stop the build in good order, and
    Cancelled is raised. Whatever is raised, no mount, loop device, process or scratch of this
    build is left; after SIGKILL the next call frees it, and says so by a Notice. ``start``,
    ``targets`` and ``keep_failed``: see Runner. ``codes`` are the table's own by default; then
    the host is first checked for what those need.
    """
    with stopped_by_signals(Cancel()) as cancel:
        reap_leftovers(home, events)
        if codes is None:
            require(home, BUILD, events, plan.needs)
        try:
            with runs.claimed(home, plan.profile) as this:
                runner = Runner(
                    home, codes or load_codes(plan), events, cancel, keep_failed=keep_failed
                )
                try:
                    return runner.run(plan, this, start=start, targets=targets)
                finally:
                    with cancel.held_back():
                        freed = reap.free(this.folder, this.name, runs.boot_id())
                    for trouble in freed.troubles:
                        events.emit(Notice(trouble, level="warning"))
        except OSError as error:
            # A step's own are handled where they arise; this one is the run's bookkeeping.
            if full := disk_full(error, home.root, home.root):
                raise full from error
            raise


def reap_leftovers(home: Home, events: Events) -> None:
    """Free what killed runs left in ``home`` and say so: for the start of every command."""
    for leftover in reap.reap(home):
        level = "warning" if leftover.freed.troubles else "info"
        events.emit(Notice(str(leftover), level=level))
