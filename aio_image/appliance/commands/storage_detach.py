"""``aio storage-detach``: the same at shutdown."""

from __future__ import annotations

import argparse

from .. import storage
from ..layout import Layout


def arguments(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace, _layout: Layout) -> int:
    storage.detach()
    return 0
