"""Waiting for an appliance, on a console that this test writes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aio_image.boot import watch
from aio_image.boot.accelerator import Limits
from aio_image.boot.watch import Watch
from aio_image.errors import ApplianceError, Cancelled
from aio_image.host.cancel import Cancel
from aio_image.report.events import Event, Events, StepProgress
from tests.waiting import PATIENCE

LIMITS = Limits(healthy=PATIENCE, silent=PATIENCE, request=1.0, resource=1.0)


class Guest:
    """A console to write to, and whether something writes there."""

    def __init__(self, path: Path, limits: Limits = LIMITS) -> None:
        self.path = path
        path.touch()
        self.why_halted = ""
        self.asked: list[Callable[[], None]] = []
        self.events: list[Event] = []
        self.cancel = Cancel()
        needed = ("cinder-volume.service",)
        self.watch = Watch(path, self.halted, limits, time.monotonic(), needed)

    def halted(self) -> str:
        """What the watch asks now and then: what happens next is in ``asked``."""
        if self.asked:
            self.asked.pop(0)()
        return self.why_halted

    def write(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def says(
        self, state: str = "working", done: int = 0, detail: str = "", stage: str = "s"
    ) -> None:
        line = {"stage": stage, "done": done, "total": 4, "state": state, "detail": detail}
        self.write(f"AIO {json.dumps({**line, 'uptime': 0.1})}\r\n")

    def wait(self) -> None:
        self.watch.until_healthy(Events(self.events.append), self.cancel)

    def later(self, what: Callable[[], None]) -> None:
        """Let ``what`` happen after the watch has read what is there now."""
        self.asked += [lambda: None, what]


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    return Guest(tmp_path / "console.log")


def test_healthy(guest: Guest) -> None:
    guest.says(stage="personalise")
    guest.later(lambda: guest.says("healthy", 4, stage="services"))
    guest.wait()
    told = [(one.message, one.fraction) for one in guest.events if isinstance(one, StepProgress)]
    assert told == [("personalise", 0.0), ("services", 1.0)]
    names = [one.name for one in guest.watch.timeline.moments if one.kind == "stage"]
    assert names == ["personalise", "services", "healthy"]


def test_failed_by_its_own_word(guest: Guest) -> None:
    guest.says("failed", detail="nova-compute.service failed: no hypervisor")
    with pytest.raises(
        ApplianceError, match=r"nova-compute\.service failed: no hypervisor"
    ) as told:
        guest.wait()
    assert told.value.log == guest.path
    assert any("AIO" in line for line in told.value.details)


def test_panic_ends_it_at_once_with_what_follows(guest: Guest) -> None:
    guest.write("[ 1.0] Kernel panic - not syncing: Attempted to kill init!\n")
    guest.later(lambda: guest.write("[ 1.1] Call Trace:\n"))
    with pytest.raises(ApplianceError, match="kernel panic: Attempted to kill init!") as told:
        guest.wait()
    assert "console: [ 1.1] Call Trace:" in told.value.details


def test_a_failed_unit_has_a_second_chance(tmp_path: Path) -> None:
    guest = Guest(tmp_path / "c")
    guest.write("[FAILED] Failed to start cinder-volume.serv… - OpenStack Cinder Volume.\n")

    def mended() -> None:
        guest.write("[  OK  ] Started cinder-volume.service - OpenStack Cinder Volume.\n")
        guest.says("healthy", 4)

    guest.later(mended)
    guest.wait()
    assert guest.watch.failed_units == {}


def test_a_failed_unit_that_stays_so(guest: Guest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_SECOND_CHANCE", 1 / PATIENCE)
    guest.write("[FAILED] Failed to start cinder-volume.service - OpenStack Cinder Volume.\n")
    guest.write("[DEPEND] Dependency failed for aio-ready.service - Ready.\n")
    with pytest.raises(ApplianceError, match=r"cinder-volume\.service, aio-ready\.service"):
        guest.wait()


def test_the_guest_ends(guest: Guest) -> None:
    def end() -> None:
        guest.write("reboot: Power down\n")
        guest.why_halted = "the guest is paused"

    guest.later(end)
    with pytest.raises(ApplianceError, match="the guest is paused") as told:
        guest.wait()
    assert "console: reboot: Power down" in told.value.details


def test_too_long(tmp_path: Path) -> None:
    guest = Guest(tmp_path / "c", Limits(healthy=1.0, silent=PATIENCE, request=1.0, resource=1.0))
    guest.says(stage="services", detail="waiting for neutron")
    with pytest.raises(ApplianceError, match=r"not healthy after 1 s; last stage: services \(wait"):
        guest.wait()


def test_silence(tmp_path: Path) -> None:
    guest = Guest(tmp_path / "c", Limits(healthy=PATIENCE, silent=1.0, request=1.0, resource=1.0))
    with pytest.raises(ApplianceError, match="no sign of life on the console for 1 s; no stage"):
        guest.wait()


def test_stopped(guest: Guest) -> None:
    guest.later(lambda: guest.cancel.request("SIGTERM"))
    with pytest.raises(Cancelled):
        guest.wait()


def test_the_status_of_the_appliance_is_truer_than_the_console(guest: Guest) -> None:
    timeline = guest.watch.timeline
    timeline.add(50.0, "unit", "ssh.service")
    timeline.add(51.0, "stage", "services")
    rows = [
        {"name": "ssh.service", "kind": "unit", "uptime": 30.0},
        {"name": "keystone", "kind": "api", "uptime": 45.5},
    ]
    timeline.merge_status({"timeline": rows}, kernel_start=10.0)
    assert [(one.seconds, one.name) for one in timeline.ordered()] == [
        (40.0, "ssh.service"),
        (51.0, "services"),
        (55.5, "keystone"),
    ]


def test_a_unit_the_cloud_does_not_need_is_noted_only(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No second chance at all: would it count, it would end the wait at once.
    monkeypatch.setattr(watch, "_SECOND_CHANCE", 0.0)
    guest.write("[ TIME ] Timed out waiting for device dev-ttyS0.device - /dev/ttyS0.\n")
    guest.later(lambda: None)
    guest.later(lambda: guest.says("healthy", 4))
    guest.wait()
    assert list(guest.watch.failed_units) == ["dev-ttyS0.device"]
    assert not guest.watch.is_essential("dev-ttyS0.device")
    assert guest.watch.is_essential("cinder-volume.ser…")


def test_what_the_kernel_tells_after_it_was_healthy(guest: Guest) -> None:
    guest.says("healthy", 4)
    guest.wait()
    guest.write("[  700.1] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [CPU 0/KVM:2087]\r\n")
    guest.write("[  700.2] audit: all is well\r\n[  701.0] Kernel panic - not syncing: Oops\r\n")
    guest.watch.drain()
    assert guest.watch.fatal == ["kernel panic: Oops"]
    assert [one.partition("] ")[2] for one in guest.watch.complaints] == [
        "watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [CPU 0/KVM:2087]"
    ]
    assert guest.watch.tail[-1] == "console: [  701.0] Kernel panic - not syncing: Oops"
