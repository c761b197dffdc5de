"""The reporter that the output options ask for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aio_image.report.events import Events
from aio_image.report.reporter import reporter_for


@contextmanager
def events_for(args: argparse.Namespace) -> Iterator[Events]:
    """Events told on stdout as --json, --plain or --quiet say; by default as the stream can."""
    chosen = [mode for mode in ("json", "plain", "quiet") if getattr(args, mode)]
    with reporter_for(sys.stdout, chosen[0] if chosen else "auto") as reporter:
        yield Events(reporter)
