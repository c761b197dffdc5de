"""``aio personalise``: first boot, or settling at a later one what changed."""

from __future__ import annotations

import argparse

from .. import personalise, status
from ..layout import Layout


def arguments(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace, layout: Layout) -> int:
    personalise.persist(layout, status.Reporter(layout))
    return 0
