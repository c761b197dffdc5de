"""``aio rebuild``: the cloud anew, in place, with the same secrets and configuration."""

from __future__ import annotations

import argparse

from .. import ordering, reset
from ..layout import Layout


def arguments(parser: argparse.ArgumentParser) -> None:
    ordering.arguments(parser)


def run(given: argparse.Namespace, layout: Layout) -> int:
    return ordering.run(given, layout, reset.REBUILD)
