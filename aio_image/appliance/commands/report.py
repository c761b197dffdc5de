"""``aio report``: logs and states in one file to hand on; secrets are masked."""

from __future__ import annotations

import argparse
import os
import socket
import time
from pathlib import Path

from .. import bundle, masking
from ..layout import Layout
from ..problems import ApplianceProblem


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where to (default: /root/aio-report-...)"
    )


def run(given: argparse.Namespace, layout: Layout) -> int:
    if os.geteuid() != 0:
        raise ApplianceProblem("for root only", hint="use sudo")
    name = f"aio-report-{socket.gethostname()}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    target: Path = given.output or layout.at(f"/root/{name}.tar.zst")
    contents = bundle.Contents.load(layout.at("/usr/lib/aio/report.yaml"))
    masker = masking.Masker(masking.known_secrets(layout))
    size = bundle.write(layout, contents, masker, target.absolute())
    print(f"{target}: {size / 1024:.0f} KiB; the appliance's secrets are masked in it")
    return 0
