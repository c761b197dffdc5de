"""Where the seconds of a boot went: what systemd started, what personalise did, what answered."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_MANAGER = {
    "kernel": ("KernelTimestampMonotonic", "InitRDTimestampMonotonic"),
    "initrd": ("InitRDTimestampMonotonic", "UserspaceTimestampMonotonic"),
}
_UNIT = ("Id", "InactiveExitTimestampMonotonic", "ActiveEnterTimestampMonotonic")
# Devices and the like come up with others; their seconds are not theirs.
_KINDS = ("service", "mount", "swap")


@dataclass(frozen=True)
class Span:
    """``name`` from ``start`` to ``end``, in seconds since the kernel started.

    ``start`` None: a moment. ``kind`` is kernel, unit, stage or api.
    """

    kind: str
    name: str
    start: float | None
    end: float

    @property
    def begins(self) -> float:
        return self.end if self.start is None else self.start


def of_status(status: Mapping[str, Any]) -> list[Span]:
    """What the appliance's own status tells: the cloud's units, the stages, the APIs."""
    return [
        Span(row["kind"], row["name"], row.get("start"), float(row["uptime"]))
        for row in status.get("timeline", ())
    ]


def of_systemd() -> list[Span]:
    """Every unit that has started, and the time before there were units."""
    kinds = [f"*.{kind}" for kind in _KINDS]
    units = _show([f"--property={','.join(_UNIT)}", "--", *kinds])
    names = sorted({name for pair in _MANAGER.values() for name in pair})
    manager = _show([f"--property={','.join(names)}"])
    return parse_manager(manager) + parse_units(units)


def parse_manager(text: str) -> list[Span]:
    """``systemctl show``'s word of the manager itself, in microseconds; 0 for what was not."""
    said = dict(line.partition("=")[::2] for line in text.splitlines())
    at = {name: int(value or 0) / 1e6 for name, value in said.items() if value.isdecimal()}
    found = []
    for name, (start, end) in _MANAGER.items():
        # A machine without an initrd goes from the kernel to systemd at once.
        last = at.get(end) or at.get("UserspaceTimestampMonotonic", 0.0)
        if last and (name == "kernel" or at.get(start)):
            found.append(Span("kernel", name, at.get(start, 0.0), last))
    return found


def parse_units(text: str) -> list[Span]:
    """``systemctl show``'s blocks, one a unit; those that have not started are left out."""
    found = []
    for block in text.strip().split("\n\n"):
        said = dict(line.partition("=")[::2] for line in block.splitlines())
        start, end = (int(said.get(name) or 0) / 1e6 for name in _UNIT[1:])
        if end and start <= end:
            found.append(Span("unit", said["Id"], start, end))
    return found


def together(status: Iterable[Span], systemd: Iterable[Span], least: float) -> list[Span]:
    """Both, each unit once, by their beginning; units that took less than ``least`` left out.

    Units that started after the cloud was up (an instance's, a timer's) are no part of the boot.
    """
    told = {(one.kind, one.name): one for one in systemd}
    until = max((one.end for one in status), default=float("inf"))
    told |= {(one.kind, one.name): one for one in status if (one.kind, one.name) not in told}
    kept = [
        one
        for one in told.values()
        if one.begins <= until
        and (one.kind != "unit" or one.start is None or one.end - one.start >= least)
    ]
    return sorted(kept, key=lambda one: (one.begins, one.end))


def draw(spans: list[Span], width: int) -> list[str]:
    """One line a span, with its seconds and a bar on a common axis, ``width`` columns in all.

    An API is the moment (|) at which it answered.
    """
    if not spans:
        return ["nothing has come up yet"]
    last = max(one.end for one in spans)
    names = max(len(f"{one.kind} {one.name}") for one in spans)
    room = max(width - names - 21, 10)
    scale = room / last if last else 0.0
    axis = f"{'start':>8} {'took':>8}  {'0':<{room - 1}}{last:.0f} s"
    lines = [axis]
    for one in spans:
        left = min(int(one.begins * scale), room - 1)
        if one.start is None:
            bar, took = "|", ""
        else:
            bar, took = (
                "=" * max(round((one.end - one.start) * scale), 1),
                f"{one.end - one.start:.2f}",
            )
        bar = f"{' ' * left}{bar}"[:room]
        lines.append(f"{one.begins:8.2f} {took:>8}  {bar:<{room}}  {one.kind} {one.name}")
    return lines


def _show(words: list[str]) -> str:
    try:
        done = subprocess.run(
            ["systemctl", "show", *words], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return ""
    return done.stdout
