"""``aio reset``: back to the state before first boot, with new secrets after."""

from __future__ import annotations

import argparse

from .. import ordering, reset
from ..layout import Layout


def arguments(parser: argparse.ArgumentParser) -> None:
    ordering.arguments(parser)


def run(given: argparse.Namespace, layout: Layout) -> int:
    return ordering.run(given, layout, reset.RESET)
