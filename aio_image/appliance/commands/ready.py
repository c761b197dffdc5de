"""``aio ready``: watching a boot until the cloud is healthy."""

from __future__ import annotations

import argparse

from .. import ready, status
from ..layout import Layout


def arguments(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace, layout: Layout) -> int:
    ready.run(layout, status.Reporter(layout))
    return 0
