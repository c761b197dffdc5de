"""What a trial hands to its report: spans of the boot, of the checks, and the host's facts."""

from __future__ import annotations

from pathlib import Path

from aio_image.boot.facts import of_host
from aio_image.boot.timeline import Timeline
from aio_image.boot.trial import Trial
from aio_image.report.chart import Bar
from aio_image.report.events import CheckFinished


def test_the_appliance_s_spans_are_in_seconds_since_power_on() -> None:
    timeline = Timeline()
    timeline.add(4.0, "milestone", "kernel")
    timeline.add(20.0, "unit", "a.service")
    status = {
        "timeline": [
            {"name": "a.service", "kind": "unit", "uptime": 9.0, "start": 7.5},
            {"name": "secrets", "kind": "stage", "uptime": 3.2, "start": 3.0},
            {"name": "keystone", "kind": "api", "uptime": 30.0, "start": None},
            # As an image of an earlier release tells it.
            {"name": "b.service", "kind": "unit", "uptime": 9.5},
        ]
    }
    timeline.merge_status(status, kernel_start=5.0)
    trial = Trial(timeline=timeline, powered_on=1000.0)
    trial.checks = [
        CheckFinished("boot", "ok", 40.0, at=1040.0),
        CheckFinished("tls", "ok", 2.0, at=1044.0),
        CheckFinished("instance", "failed", 5.0, at=1050.0),
        CheckFinished("horizon-login", "skipped", 0.0, at=1050.0),
    ]
    assert trial.bars() == [
        Bar("milestone", "kernel", None, 4.0),
        Bar("stage", "secrets", 8.0, 8.2),
        Bar("unit", "a.service", 12.5, 14.0),
        Bar("unit", "b.service", None, 14.5),
        Bar("api", "keystone", None, 35.0),
        Bar("check", "check tls", 42.0, 44.0),
        Bar("failed", "check instance", 45.0, 50.0),
    ]
    trial.powered_on = None
    assert [one.kind for one in trial.bars()][-1] == "api"


def test_facts_of_the_host(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU\n")
    (tmp_path / "meminfo").write_text("MemTotal:       2048000 kB\n")
    (tmp_path / "loadavg").write_text("0.50 0.40 0.30 1/100 12\n")
    facts = of_host(tmp_path)
    assert facts["host_processor"].endswith(" x Some CPU")
    assert facts["host_memory_mib"] == 2000
    assert facts["host_load"] == "0.50 0.40 0.30"
    assert "host_processor" not in of_host(tmp_path / "nothing")
