"""Waiting until a service that was just started answers, inside and where haproxy offers it."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from typing import Any

from . import services
from .layout import Layout
from .machine import Record
from .probing import Prober
from .problems import ApplianceProblem

_PATIENCE = 900.0  # seconds; emulated processors import for minutes


def wait(layout: Layout, row: Mapping[str, Any]) -> None:
    """Until each probe of ``row``, a service's in services.json, is met.

    Raises ApplianceProblem naming the first that is not after a quarter of an hour.
    """
    missing = {services.probe(one) for one in row["probes"]}
    if not missing:
        return
    outside = services.load(layout.services).outside
    prober = Prober(tuple(missing), outside, layout.pki / "ca.pem", public_host(layout))
    until = time.monotonic() + _PATIENCE
    while missing:
        try:
            missing.discard(prober.up.get(timeout=max(until - time.monotonic(), 0.1)))
        except queue.Empty:
            name = next(iter(missing)).name
            raise ApplianceProblem(
                f"{name} does not answer after {_PATIENCE:.0f} s",
                hint=f"journalctl -u {row['units'][0]}",
            ) from None


def public_host(layout: Layout) -> str:
    """The name or address in this appliance's certificate."""
    release = layout.personalised.read_text("utf-8").strip()
    return Record.load(layout.state, release).values["host"]
