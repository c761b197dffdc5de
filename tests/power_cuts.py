"""A power cut inside one process: from one call on, nothing more changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest


class PowerCut(BaseException):
    """Not an Exception: nothing on the way up may make something of it."""


def cut_power_after(
    monkeypatch: pytest.MonkeyPatch, calls: int, targets: Sequence[tuple[Any, str]]
) -> Callable[[], int]:
    """Have the ``calls``-th and every later call of ``targets`` not happen: functions, each by its
    module and name.

    What it gives says how many calls there have been.
    """
    count = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            count += 1
            if count > calls:
                raise PowerCut
            return real(*arguments, **named)

        return call

    for place, name in targets:
        monkeypatch.setattr(place, name, counted(getattr(place, name)))
    return lambda: count
