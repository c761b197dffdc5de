"""``aio storage-attach``: the cloud's storage, at each boot."""

from __future__ import annotations

import argparse

from .. import notices, troubles
from ..layout import Layout
from ..problems import ApplianceProblem
from ..storage import service


def arguments(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace, layout: Layout) -> int:
    try:
        warnings = service.attach(layout)
    except (ApplianceProblem, OSError) as error:
        problem = troubles.as_problem(error, layout)
        # The status page names the unit only, for units may say anything; this is ours.
        notices.put(layout, "storage", [problem.message])
        raise problem from error
    for warning in warnings:
        print(f"warning: {warning}", flush=True)
    notices.put(layout, "storage", warnings)
    return 0
