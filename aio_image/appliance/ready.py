"""Watching a boot until the cloud is healthy, and saying at each change what is up.

Healthy: every unit is active, every API answers on its own port and on its public one, and
Horizon's log-in page has been made once. Then the fence opens and this process ends.
"""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping
from functools import partial

from . import heartbeats, scrub, services, stages, units
from .deploying import orders
from .layout import Layout
from .machine import Record
from .probing import Prober
from .problems import ApplianceProblem
from .room import Room
from .services import Probe, Services
from .status import FAILED, HEALTHY, WORKING, CameUp, Failure, Reporter, Status, uptime
from .units import Unit

OWN_UNIT = "aio-personalise.service"

_FIRST_LOOK, _LONGEST_LOOK, _GROWTH = 1.0, 6.0, 1.3


class Watch:
    """One boot's watch over ``wanted``.

    ``look`` asks systemd, ``explain`` the journal, ``silent`` the databases.
    """

    def __init__(
        self,
        wanted: Services,
        status: Status,
        look: Callable[[list[str]], Mapping[str, Unit]] | None = None,
        explain: Callable[[str], str] = units.last_words,
        silent: Callable[[Mapping[str, tuple[str, ...]]], list[str]] = heartbeats.missing,
    ) -> None:
        self.units = [OWN_UNIT, *wanted.units]
        self.probes = {probe.name for probe in wanted.probes}
        self.heartbeats = wanted.heartbeats
        self.status = status
        self.look = look or units.Observer().look
        self.explain, self.silent = explain, silent
        self.up: set[str] = set()
        self.tries: dict[str, int] = {}
        status.total = len(wanted.units) + len(wanted.probes)

    def probe_up(self, probe: Probe) -> None:
        """``probe`` answers, inside and outside."""
        self._came_up(CameUp(probe.name, probe.kind, uptime()))

    def units_seen(self) -> None:
        """Take in what systemd says now."""
        seen = self.look(self.units)
        failures = []
        for name in self.units:
            unit = seen.get(name)
            if unit is None:
                continue
            if unit.failed:
                # A unit that failed is asked once what it said, and once more for each new try.
                known = [one for one in self.status.failures if one.unit == name]
                if not known or self.tries.get(name) != unit.tries:
                    known = [Failure(name, self._why(unit))]
                    self.tries[name] = unit.tries
                failures.append(known[0])
            if name == OWN_UNIT:
                continue  # nothing waits for it here: it is over, or has failed
            if unit.active:
                self._came_up(CameUp(name, "unit", unit.since, unit.began))
            else:
                self._went_down(name)
        self.status.failures = failures

    def conclude(self) -> bool:
        """Bring ``status`` up to date. True when nothing is missing."""
        status = self.status
        missing = [name for name in [*self.units[1:], *sorted(self.probes)] if name not in self.up]
        status.waiting = missing
        status.done = status.total - len(missing)
        if status.failures:
            status.state = FAILED
            first = status.failures[0]
            more = f" (and {len(status.failures) - 1} more)" if len(status.failures) > 1 else ""
            status.detail = f"{first.unit} failed{more}: {first.said}"
        elif missing:
            status.state = WORKING
            status.detail = f"waiting for {', '.join(missing[:3])}"
            if len(missing) > 3:
                status.detail += f" and {len(missing) - 3} more"
        elif silent := self.silent(self.heartbeats):
            # Asked last: before, there is no database to ask, or no one to report.
            status.state, status.waiting = WORKING, silent
            status.detail = f"waiting for a sign of life of {', '.join(silent)}"
            return False
        return not missing and not status.failures

    def all_up(self) -> bool:
        """Whether every unit and API has come up, as far as is known now."""
        return self.up >= {*self.units[1:], *self.probes}

    def _why(self, unit: Unit) -> str:
        return self.explain(unit.name) if unit.loaded else "there is no such unit"

    def _came_up(self, one: CameUp) -> None:
        if one.name in self.up:
            return
        self.up.add(one.name)
        self.status.timeline.append(one)

    def _went_down(self, name: str) -> None:
        if name in self.up:
            self.up.discard(name)
            self.status.timeline = [one for one in self.status.timeline if one.name != name]


def run(layout: Layout, reporter: Reporter) -> None:
    """Watch until healthy. Ends then, and only then: what fails may be mended meanwhile."""
    status = Status("services", detail="starting")
    try:
        wanted = services.load(layout.services)
    except ApplianceProblem as problem:
        status.state, status.detail = FAILED, problem.message
        reporter.publish(status)
        raise
    silent = partial(heartbeats.missing, container=layout.database_container)
    watch = Watch(wanted, status, silent=silent)
    reporter.publish(status)
    # Until this boot's personalise is over there is no certificate and nothing listens.
    while not layout.personalised.exists():
        watch.units_seen()
        watch.conclude()
        if status.failures:
            reporter.publish(status)
        time.sleep(_FIRST_LOOK)
    # A staged image's playbooks speak for themselves; before them there is nothing to look at.
    while orders.left(layout):
        time.sleep(_LONGEST_LOOK)
    status.timeline[:0] = stages.told(layout)
    kept = Record.load(layout.state, layout.personalised.read_text("utf-8").strip()).values
    host = kept["host"]
    status.hypervisor = kept.get("hypervisor", "")
    status.url = f"https://{f'[{host}]' if ':' in host else host}{wanted.dashboard or '/'}"
    prober = Prober(wanted.probes, wanted.outside, layout.pki / "ca.pem", host)
    room = Room(layout, wanted.units)
    pause = _FIRST_LOOK
    while True:
        room.look()
        watch.units_seen()
        if watch.conclude() and _opened(watch, prober, reporter):
            chosen = scrub.sweep(layout)
            reporter.publish(status)
            if chosen:
                scrub.discard_freed(layout)
            return
        reporter.publish(status)
        _listen(watch, prober, reporter, time.monotonic() + pause)
        pause = min(pause * _GROWTH, _LONGEST_LOOK)


def _listen(watch: Watch, prober: Prober, reporter: Reporter, until: float) -> None:
    """Until the next look: a line for each API that comes up, at the moment it does."""
    while (left := until - time.monotonic()) > 0:
        try:
            probe = prober.up.get(timeout=left)
        except queue.Empty:
            return
        watch.probe_up(probe)
        watch.status.done += 1
        watch.status.detail = f"{probe.name} answers"
        reporter.publish(watch.status)
        if watch.all_up():
            return


def _opened(watch: Watch, prober: Prober, reporter: Reporter) -> bool:
    """Open the fence, and see that who comes from outside is let through."""
    status = watch.status
    status.state, status.detail = HEALTHY, status.url
    reporter.set_fence(status)
    for probe in prober.fenced:
        try:
            answer = prober.public(probe)
        except OSError as error:
            status.detail = f"{probe.name}, public port {probe.public_port}: {error}"
        else:
            if answer.status in probe.answers and not answer.fenced:
                continue
            status.detail = f"{probe.name}, public port {probe.public_port}: {answer.status}"
        status.state = WORKING
        return False
    return True
