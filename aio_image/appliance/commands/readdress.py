"""``aio readdress``: the cloud under another address or name, now."""

from __future__ import annotations

import argparse
import os

from .. import readdress, settled, status
from ..cli import main
from ..layout import Layout
from ..problems import ApplianceProblem


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--address", metavar="A",
        help="the address clients use from now on; `auto`: that of the public interface",
    )  # fmt: skip
    parser.add_argument(
        "--fqdn", metavar="NAME", help="the name endpoints carry; `none`: they carry the address"
    )
    parser.add_argument("--no-wait", action="store_true", help="do not wait until it is healthy")
    parser.add_argument("--when-it-comes", action="store_true", help=argparse.SUPPRESS)


def run(given: argparse.Namespace, layout: Layout) -> int:
    if layout.running and os.geteuid() != 0:
        raise ApplianceProblem("readdress: for root only", hint="use sudo")
    reporter = status.Reporter(layout)
    if given.when_it_comes:
        readdress.when_it_comes(layout, reporter)
        return 0
    words = {}
    if given.address is not None:
        words["public_address"] = "" if given.address == "auto" else given.address
    if given.fqdn is not None:
        words["fqdn"] = "" if given.fqdn == "none" else given.fqdn
    if words:
        readdress.ask_for(layout, words)
    ran = readdress.now(layout, reporter)
    if not ran:
        print(f"Nothing changed: the cloud is at {settled.values(layout)['host']}.")
        return 0
    if given.no_wait or not layout.running:
        return 0
    return main(["status", "--follow"], layout)
