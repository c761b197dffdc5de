"""``aio storage-detach``: the same at shutdown."""

from __future__ import annotations

import argparse

from ..layout import Layout
from ..storage import service


def arguments(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace, layout: Layout) -> int:
    left = service.detach(layout)
    if left:
        print(f"still in use: {', '.join(left)}", flush=True)
    return 0
