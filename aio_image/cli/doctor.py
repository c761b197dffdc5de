"""`aio-image doctor`: is this host fit to build and boot images?"""

from __future__ import annotations

import argparse

from aio_image.cli.options import HelpFormatter, output_options
from aio_image.cli.reporting import events_for
from aio_image.doctor.checks import checks_for, examine
from aio_image.doctor.model import BOOT, BUILD
from aio_image.errors import EXIT_HOST, EXIT_OK
from aio_image.paths import Home
from aio_image.report.checks import results_table
from aio_image.report.events import Notice

_DESCRIPTION = """\
Checks this host and says how to mend what it finds: programs and their versions, namespaces,
loop devices, overlays, whether KVM really runs a guest, memory, disk, the Debian mirror.

As root the checks try things out for real; otherwise those are skipped. Builds and boots run
the checks they need by themselves.

Exit code 3 when something that a build or a boot needs is missing.

examples:
  sudo aio-image doctor
  aio-image doctor --for boot      only what booting an image needs decides the exit code
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="check this host, and say how to mend it",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        parents=[output_options()],
    )
    parser.add_argument(
        "--for",
        dest="purpose",
        choices=(BUILD, BOOT),
        help="what the host is for (default: both)",
    )


def run(args: argparse.Namespace) -> int:
    purposes = (args.purpose,) if args.purpose else (BUILD, BOOT)
    needed = {check.name for purpose in purposes for check in checks_for(purpose)}
    with events_for(args) as events:
        results = examine(Home.default(), events)
        events.emit(Notice(results_table(results)[-1]))
    bad = [each for each in results if each.outcome == "failed" and each.check in needed]
    return EXIT_HOST if bad else EXIT_OK
