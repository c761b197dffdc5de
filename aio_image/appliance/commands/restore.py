"""``aio restore``: carries out what ``aio reset`` or ``aio rebuild`` ordered, and boots again."""

from __future__ import annotations

import argparse
import signal
import subprocess
import time

from .. import reset
from ..layout import Layout
from ..problems import ApplianceProblem
from ..status import FAILED, WORKING, Reporter, Status

_AGAIN = 30  # seconds


def arguments(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace, layout: Layout) -> int:
    """Until it is done: half a reset is no system to go on with, and a disk may come back."""
    reporter = Reporter(layout)
    status = Status("reset")

    def told(detail: str, done: int, total: int) -> None:
        status.state, status.detail, status.done, status.total = WORKING, detail, done, total
        reporter.publish(status)

    while True:
        try:
            reset.carry_out(layout, told)
            break
        except (ApplianceProblem, OSError, subprocess.SubprocessError) as error:
            status.state, status.detail = FAILED, str(error)
            reporter.publish(status)
            if not layout.reset_order.exists():
                break  # it had not begun, and is taken back
            time.sleep(_AGAIN)
    # Nothing else is to write to what was just put back: no unit is stopped first.
    subprocess.run(["systemctl", "--force", "reboot"], check=True)
    signal.pause()  # what waits for this unit is not to start any more
    return 0
