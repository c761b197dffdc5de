"""What an image offers once booted, and what it wants to be booted with."""

from __future__ import annotations

from dataclasses import dataclass

from aio_image.health.target import Endpoint


@dataclass(frozen=True)
class Size:
    """``memory`` in MiB."""

    memory: int
    cpus: int


@dataclass(frozen=True)
class Offer:
    """What an image is expected to offer: catalogue rows, units, public ports, a dashboard.

    ``dashboard`` is its path, "" where there is none.

    ``test`` and ``appliance`` are the sizes to boot it with (MiB, processors); ``healthy`` and
    ``check`` the time limits in seconds that hold with KVM.
    """

    expected: tuple[Endpoint, ...]
    units: tuple[str, ...]
    ports: tuple[int, ...]
    dashboard: str
    test: Size
    appliance: Size
    healthy: float
    check: float
