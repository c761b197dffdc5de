"""Waiting for an appliance to become healthy, by what its console tells."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path

from aio_image.boot.accelerator import Limits
from aio_image.boot.console import (
    FAILED,
    HEALTHY,
    Complaint,
    ConsoleFile,
    ConsoleParser,
    Fatal,
    Milestone,
    Observation,
    Progress,
    UnitLine,
)
from aio_image.boot.timeline import Timeline
from aio_image.errors import ApplianceError
from aio_image.host.cancel import Cancel
from aio_image.report.events import Events, StepProgress

STEP = "boot"
_PAUSE = 0.25
# A unit may fail at its first start and be started again by systemd. This part of the limit for
# the whole boot (1/20: 15 s under KVM, 2 min under TCG) is its second chance.
_SECOND_CHANCE = 1 / 20
# What follows a fatal line on the console (a panic's trace) is worth having in the log.
_AFTERMATH = 1.5
_TAIL = 25
# The appliance's own units are all needed.
_OWN = "aio-"


class Watch:
    """One boot. ``halted`` tells why the guest does not run, "" while it does; ``powered_on``: by
    time.monotonic.

    ``essential`` are the units without which there is no cloud: one that fails, and is not
    started again, ends the wait. Others are in ``failed_units`` for whoever judges, as are the
    kernel's ``complaints``, and what was ``fatal`` to a guest that had been healthy.
    """

    def __init__(
        self,
        console: Path,
        halted: Callable[[], str],
        limits: Limits,
        powered_on: float,
        essential: Collection[str] = (),
    ) -> None:
        self.timeline = Timeline()
        self.progress: Progress | None = None
        self.failed_units: dict[str, float] = {}
        self.fatal: list[str] = []
        self.complaints: list[str] = []
        self.kernel_start = 0.0
        self._file = ConsoleFile(console)
        self._parser = ConsoleParser()
        self._halted = halted
        self._limits = limits
        self._events = Events()
        self._powered_on = powered_on
        self._essential = frozenset(essential)
        self._offsets: list[float] = []

    @property
    def seconds(self) -> float:
        """Since power-on."""
        return time.monotonic() - self._powered_on

    def until_healthy(self, events: Events, cancel: Cancel) -> None:
        """Return when the appliance says healthy; raise ApplianceError when it will not be.

        ``events`` get a StepProgress for each thing the console tells. The error has the
        reason in one line, the console's last lines and the console's file.
        """
        self._events = events
        last_sign = self.seconds
        while True:
            cancel.check()
            # Asked before reading: what a guest wrote before it ended is all read below.
            halted = self._halted()
            data = self._file.new_bytes()
            if data:
                last_sign = self.seconds
            for observation in self._parser.feed(data):
                self._take(observation)
            if self.progress is not None and self.progress.state == HEALTHY:
                return
            if halted:
                raise self._error(halted, "its console's last lines may say why")
            self._check_units()
            self._check_time(last_sign)
            time.sleep(_PAUSE)

    def is_essential(self, unit: str) -> bool:
        """Whether ``unit``, as the console named it, is one of those the cloud needs."""
        return unit.startswith(_OWN) or any(_same(unit, name) for name in self._essential)

    @property
    def tail(self) -> list[str]:
        """The console's last lines."""
        return [f"console: {line}" for line in self._parser.tail[-_TAIL:]]

    def drain(self) -> None:
        """Take in what the console told since, without waiting and without judging."""
        for observation in self._parser.feed(self._file.new_bytes()):
            match observation:
                case UnitLine():
                    self._unit(observation)
                case Complaint(text):
                    self.complaints.append(text)
                case Fatal(reason):
                    self.fatal.append(reason)

    def _take(self, observation: Observation) -> None:
        match observation:
            case Progress():
                self._appliance_says(observation)
            case UnitLine():
                self._unit(observation)
            case Milestone(name):
                if not self.timeline.has("milestone", name):
                    self.timeline.add(self.seconds, "milestone", name)
                    self._events.emit(StepProgress(STEP, name))
            case Complaint(text):
                self.complaints.append(text)
            case Fatal(reason, hint):
                raise self._error(reason, hint)

    def _appliance_says(self, now: Progress) -> None:
        before, self.progress = self.progress, now
        # Each line is read a little late, never early: the least difference is the truest.
        self._offsets.append(self.seconds - now.uptime)
        self.kernel_start = max(0.0, min(self._offsets))
        if before is None or before.stage != now.stage:
            self.timeline.add(self.seconds, "stage", now.stage)
        fraction = min(1.0, now.done / now.total) if now.total > 0 else None
        self._events.emit(StepProgress(STEP, f"{now.stage}: {now.detail}".rstrip(": "), fraction))
        if now.state == HEALTHY:
            self.timeline.add(self.seconds, "stage", HEALTHY)
        elif now.state == FAILED:
            raise self._error(f"the appliance failed in stage {now.stage}: {now.detail}", "")

    def _unit(self, line: UnitLine) -> None:
        if line.outcome == "up":
            # Narrow terminals cut names, "Failed to start ..." sooner than "Started ...".
            for known in [name for name in self.failed_units if _same(name, line.unit)]:
                del self.failed_units[known]
            self.timeline.add(self.seconds, "unit", line.unit)
        else:
            self.failed_units.setdefault(line.unit, self.seconds)

    def _check_units(self) -> None:
        chance = self._limits.healthy * _SECOND_CHANCE
        given_up = [
            unit
            for unit, since in self.failed_units.items()
            if self.is_essential(unit) and self.seconds - since > chance
        ]
        if given_up:
            raise self._error(f"failed and not restarted: {', '.join(given_up)}", "")

    def _check_time(self, last_sign: float) -> None:
        limits, now = self._limits, self.seconds
        where = f"last stage: {self.progress.stage}" if self.progress else "no stage begun"
        waiting = f" ({self.progress.detail})" if self.progress and self.progress.detail else ""
        if now > limits.healthy:
            raise self._error(
                f"not healthy after {limits.healthy:.0f} s; {where}{waiting}",
                "give a slow or busy host more with --time-limit SECONDS",
            )
        if now - last_sign > limits.silent:
            raise self._error(
                f"no sign of life on the console for {limits.silent:.0f} s; {where}{waiting}",
                "a guest that hangs; or its kernel has no console=ttyS0",
            )

    def _error(self, reason: str, hint: str) -> ApplianceError:
        if not self._halted():
            time.sleep(_AFTERMATH)
        for _ in self._parser.feed(self._file.new_bytes()):
            pass
        return ApplianceError(
            f"{reason} ({self.seconds:.0f} s after power-on)",
            hint=hint or "boot it with --keep to look inside",
            details=self.tail or ["console: (nothing)"],
            log=self._file.path,
        )


def _same(one: str, other: str) -> bool:
    stems = one.partition("…")[0], other.partition("…")[0]
    return stems[0].startswith(stems[1]) or stems[1].startswith(stems[0])
