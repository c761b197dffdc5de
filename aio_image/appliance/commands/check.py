"""``aio check``: the checks of ``aio-image test``, run where the appliance is.

Their code is the build host's own, installed beside ours (install.yaml). They go to the public
ports, over TLS and by the public name, as clients do.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from aio_image.errors import Cancelled
from aio_image.health.check import Check, run_checks, select
from aio_image.health.client import Cloud
from aio_image.health.cloud import checks_for
from aio_image.health.target import Target, expected_of
from aio_image.host.cancel import Cancel, stopped_by_signals
from aio_image.report.checks import all_passed, results_table
from aio_image.report.events import CheckFinished, Event, Events
from aio_image.report.lines import Style, lines_of

from .. import addresses, credentials, hypervisor, services
from ..layout import Layout
from ..problems import ApplianceProblem

# Seconds for one answer, and until a resource has its state; by emulation all takes longer.
_REQUEST, _RESOURCE = 60.0, 120.0
_EMULATION = 8.0
_CANCELLED = 130


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the results as JSON, at the end")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME",
        help="these checks, and those they need (`--only list` lists all)",
    )  # fmt: skip


def run(given: argparse.Namespace, layout: Layout) -> int:
    with tempfile.TemporaryDirectory(prefix="aio-check-") as folder:
        target = _target(layout, Path(folder), factor=_EMULATION if hypervisor.emulated() else 1.0)
        checks = checks_for(target)
        if given.only == ["list"]:
            print("\n".join(check.name for check in checks))
            return 0
        chosen = _chosen(checks, given.only)
        style = Style.of(sys.stdout, colour=sys.stdout.isatty())
        events = Events() if given.json else Events(lambda event: _show(event, style))
        try:
            with stopped_by_signals(Cancel()) as cancel:
                results = run_checks(chosen, Cloud(target, cancel), events)
        except Cancelled as stopped:
            print(f"aio: {stopped.message}; what the checks had made is deleted", file=sys.stderr)
            return _CANCELLED
    passed = all_passed(results)
    if given.json:
        rows = [{k: v for k, v in asdict(one).items() if k != "at"} for one in results]
        print(json.dumps({"passed": passed, "checks": rows}, indent=1))
    else:
        print(results_table(results, style)[-1])
    return 0 if passed else 1


def _target(layout: Layout, folder: Path, factor: float) -> Target:
    """This appliance, as its clients see it. Raises ApplianceProblem where it cannot be told."""
    found = credentials.load(layout)
    table = services.read(layout.services)
    return Target(
        address=found.host,
        peer=_peer(found.address, table["outside"]),
        password=found.password,
        folder=folder,
        expected=expected_of(table)[0],
        dashboard=table["dashboard"] or "",
        request=_REQUEST * factor,
        resource=_RESOURCE * factor,
    )


def _peer(public: str, outside: str) -> str:
    """Where to connect to: the public address where it is one of this machine's.

    It may be that of a NAT in front of it, which seldom leads back: then ``outside``, at which
    the same is offered.
    """
    here = [each for found in addresses.interface_addresses().values() for each in found]
    loopback = public.startswith("127.") and outside.startswith("127.")
    return public if public in here or loopback else outside


def _chosen(checks: tuple[Check, ...], names: list[str]) -> tuple[Check, ...]:
    try:
        return select(checks, names)
    except KeyError as error:
        known = ", ".join(check.name for check in checks)
        unknown = ", ".join(map(str, error.args))
        raise ApplianceProblem(f"there is no check {unknown}", hint=f"there are {known}") from error


def _show(event: Event, style: Style) -> None:
    if isinstance(event, CheckFinished):
        print("\n".join(lines_of(event, style)), flush=True)
