"""A trial: an image booted, its cloud checked, everything timed, nothing left."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aio_image.boot import hypervisor, kept, processors
from aio_image.boot.appliance import Appliance, Machine, booted
from aio_image.boot.facts import of_host
from aio_image.boot.offer import Offer
from aio_image.boot.session import Session
from aio_image.boot.timeline import Timeline
from aio_image.boot.watch import Watch
from aio_image.errors import ApplianceError
from aio_image.health.check import run_checks
from aio_image.health.client import CheckFailed, Cloud
from aio_image.health.cloud import checks_for
from aio_image.health.status import fetch_status
from aio_image.health.target import Target
from aio_image.report.chart import Bar
from aio_image.report.events import CheckFinished, Events

# Of a kernel that complains, the first lines say most.
_TOLD = 3


@dataclass
class Trial:
    """What came out. ``error`` is why it never became healthy, None when it did.

    ``powered_on`` is in seconds since the epoch; None when somebody else did that. ``aftermath``
    is what is worth reading when a check failed: what the guest did, and its console's last lines.
    """

    checks: list[CheckFinished] = field(default_factory=list)
    timeline: Timeline = field(default_factory=Timeline)
    facts: dict[str, Any] = field(default_factory=dict)
    error: ApplianceError | None = None
    powered_on: float | None = None
    aftermath: list[str] = field(default_factory=list)

    def bars(self) -> list[Bar]:
        """The chart's rows, in seconds since power-on: what came up, and each check."""
        rows = [
            Bar(one.kind, one.name, one.began, one.seconds)
            for one in self.timeline.ordered()
            if one.kind != "check"
        ]
        if self.powered_on is not None:
            rows += [
                Bar(
                    "failed" if each.outcome == "failed" else "check",
                    f"check {each.check}",
                    each.at - each.seconds - self.powered_on,
                    each.at - self.powered_on,
                )
                for each in self.checks
                if each.check != "boot" and each.outcome != "skipped"
            ]
        return rows


def target_of(appliance: Appliance, offer: Offer, folder: Path) -> Target:
    """The cloud of a booted appliance, as the checks see it."""
    return Target(
        address=appliance.address,
        password=appliance.identity.password,
        folder=folder,
        expected=offer.expected,
        ports=appliance.ports,
        dashboard=offer.dashboard,
        request=appliance.limits.request,
        resource=appliance.limits.resource,
    )


def run_trial(
    machine: Machine,
    offer: Offer,
    room: Session,
    events: Events,
    *,
    keep: bool = False,
) -> Trial:
    """Boot ``machine``, wait, check. An unhealthy appliance is in the result, not raised.

    Raises UsageError and HostError for what keeps it from being booted, and Cancelled.
    """
    trial = Trial()
    begin = time.monotonic()
    with booted(machine, room.home, room.folder, room.console, keep=keep) as appliance:
        if keep:
            kept.note(appliance, room.folder, machine.image)
            trial.facts["kept"] = appliance.identity.name
        watch = appliance.watch
        trial.timeline = watch.timeline
        trial.powered_on = time.time() - watch.seconds
        trial.facts |= _facts(machine, appliance)
        try:
            appliance.until_healthy(events, room.cancel, f"Boot {machine.image.name}")
        except ApplianceError as error:
            trial.error = error
            booting = CheckFinished("boot", "failed", watch.seconds, error.message, error.hint)
        else:
            seconds = watch.seconds
            trial.facts["healthy_seconds"] = round(seconds, 1)
            booting = CheckFinished(
                "boot", "ok", seconds, f"healthy {seconds:.0f} s after power-on"
            )
        events.emit(booting)
        trial.checks.append(booting)
        if trial.error is None:
            cloud = Cloud(target_of(appliance, offer, room.folder), room.cancel)
            with suppress(CheckFailed):
                trial.timeline.merge_status(fetch_status(cloud), watch.kernel_start)
            checks_begin = watch.seconds
            trial.checks += run_checks(checks_for(cloud.target), cloud, events)
            watch.drain()
            still = hypervisor.halted(appliance.domain)
            trial.checks += [_units(watch, events), _console(watch, still, events)]
            if any(one.outcome == "failed" for one in trial.checks):
                trial.aftermath = [*processors.doing(appliance.domain), *watch.tail]
            trial.timeline.add(checks_begin, "check", "first")
            trial.timeline.add(watch.seconds, "check", "last")
        trial.facts["seconds"] = round(time.monotonic() - begin, 1)
    return trial


def _units(watch: Watch, events: Events) -> CheckFinished:
    """No unit that systemd told of on the console stayed failed."""
    named = ", ".join(watch.failed_units)
    outcome = "ok"
    if named:
        needed = any(watch.is_essential(unit) for unit in watch.failed_units)
        outcome = "failed" if needed else "warning"
    detail = f"failed: {named}" if named else "none failed"
    hint = "journalctl --boot --unit UNIT on the appliance" if named else ""
    result = CheckFinished("units", outcome, 0.0, detail, hint)
    events.emit(result)
    return result


def _console(watch: Watch, still: str, events: Events) -> CheckFinished:
    """The kernel told of nothing that ends a guest, or should not be in a sound one.

    ``still`` is why its processors do not run, empty when they do.
    """
    ends = [*filter(None, [still]), *watch.fatal]
    outcome = "failed" if ends else "warning" if watch.complaints else "ok"
    told = "; ".join([*ends, *watch.complaints][:_TOLD]) or "nothing amiss"
    result = CheckFinished("console", outcome, 0.0, told)
    events.emit(result)
    return result


def _facts(machine: Machine, appliance: Appliance) -> dict[str, Any]:
    return {
        "image": str(machine.image),
        "firmware": machine.firmware,
        "accelerator": appliance.accelerator.name,
        "accelerator_reason": appliance.accelerator.reason,
        "memory_mib": machine.memory,
        "cpus": machine.cpus,
        "address": appliance.forwards.address if appliance.forwards else machine.network,
        "console": str(appliance.console),
        **of_host(),
    }
