"""``aio storage-attach``: the cloud's storage, at each boot."""

from __future__ import annotations

import argparse
import os

from ..layout import Layout
from ..problems import ApplianceProblem
from ..storage import service


def arguments(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace, layout: Layout) -> int:
    try:
        warnings = service.attach(layout)
    except OSError as error:
        # A write that fails does not say of which file.
        where = error.filename or f"{layout.storage.parent} or {layout.openstack}"
        raise ApplianceProblem(
            f"{where}: {os.strerror(error.errno or 0)}",
            hint="make room or mend the disk; it is tried again",
        ) from error
    for warning in warnings:
        print(f"warning: {warning}", flush=True)
    return 0
