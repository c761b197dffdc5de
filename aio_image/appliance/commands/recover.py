"""``aio recover``: exits 0 when healthy in the end; with --check, 1 when something is wrong."""

from __future__ import annotations

import argparse
import os

from ..layout import Layout
from ..problems import ApplianceProblem
from ..recovery import engine


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="only say what is wrong")
    parser.add_argument(
        "--timeout", type=float, default=1800, metavar="SECONDS", help="to be healthy (1800)"
    )


def run(given: argparse.Namespace, layout: Layout) -> int:
    if os.geteuid() != 0:
        raise ApplianceProblem("for root only", hint="use sudo")
    if layout.reset_order.exists():
        raise ApplianceProblem(
            "a reset or rebuild is ordered", hint="reboot, or aio reset --cancel"
        )
    rows = engine.parts(layout)
    if given.check:
        count = 0
        for finding in engine.findings(layout, rows):
            count += 1
            print(f"{finding.part}: {finding.what}\n  {finding.cure}", flush=True)
        print("nothing is wrong" if not count else "aio recover mends what it can")
        return 1 if count else 0

    def tell(line: str) -> None:
        print(line, flush=True)

    count, left = engine.mend(layout, rows, tell)
    if left:
        raise ApplianceProblem(
            left[0], hint="aio report collects what is known; aio rebuild begins anew", details=left
        )
    tell(f"{count} mended" if count else "nothing is broken; looking whether all of it answers")
    engine.wait_until_healthy(layout, given.timeout, tell)
    return 0
