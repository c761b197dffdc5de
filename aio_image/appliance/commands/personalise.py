"""``aio personalise``: first boot, or taking up where a power cut left off."""

from __future__ import annotations

import argparse

from .. import personalise, status
from ..layout import Layout


def arguments(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace, layout: Layout) -> int:
    personalise.run(layout, status.Reporter(layout))
    return 0
