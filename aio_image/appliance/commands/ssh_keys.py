"""``aio ssh-keys``: the host keys that cloud-init did not make."""

from __future__ import annotations

import argparse

from .. import ssh_keys
from ..layout import Layout


def arguments(_: argparse.ArgumentParser) -> None:
    """It has none."""


def run(_: argparse.Namespace, layout: Layout) -> int:
    ssh_keys.make(layout)
    return 0
