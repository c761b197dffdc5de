"""``aio storage-attach``: cinder's volume group, at each boot."""

from __future__ import annotations

import argparse

from .. import storage
from ..layout import Layout


def arguments(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace, layout: Layout) -> int:
    storage.attach(layout)
    return 0
