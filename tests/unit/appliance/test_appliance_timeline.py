"""Where a boot's seconds went: stages, units by systemd's own words, and the chart of both."""

from __future__ import annotations

import json

import pytest

from aio_image.appliance import cli, personalise, stages, timeline
from aio_image.appliance.layout import Layout
from aio_image.appliance.status import CameUp, Reporter, Status
from aio_image.appliance.timeline import Span

# As `systemctl show` of systemd 257 prints it.
UNITS = """\
Id=mariadb.service
InactiveExitTimestampMonotonic=4000000
ActiveEnterTimestampMonotonic=6500000

Id=rescue.service
InactiveExitTimestampMonotonic=0
ActiveEnterTimestampMonotonic=0

Id=later.service
InactiveExitTimestampMonotonic=90000000
ActiveEnterTimestampMonotonic=91000000

Id=quick.service
InactiveExitTimestampMonotonic=3000000
ActiveEnterTimestampMonotonic=3010000

Id=again.service
InactiveExitTimestampMonotonic=9000000
ActiveEnterTimestampMonotonic=5000000
"""
MANAGER = """\
UserspaceTimestampMonotonic=3100000
InitRDTimestampMonotonic=900000
KernelTimestampMonotonic=0
"""


def test_the_time_before_units() -> None:
    assert timeline.parse_manager(MANAGER) == [
        Span("kernel", "kernel", 0.0, 0.9),
        Span("kernel", "initrd", 0.9, 3.1),
    ]
    bare = "UserspaceTimestampMonotonic=2000000\nInitRDTimestampMonotonic=0\n"
    assert timeline.parse_manager(bare) == [Span("kernel", "kernel", 0.0, 2.0)]
    assert timeline.parse_manager("") == []


def test_units_and_what_the_status_tells() -> None:
    units = timeline.parse_units(UNITS)
    assert [one.name for one in units] == ["mariadb.service", "later.service", "quick.service"]
    told = [
        Span("unit", "mariadb.service", 4.0, 6.5),
        Span("stage", "secrets", 1.0, 1.4),
        Span("api", "keystone", None, 30.0),
    ]
    found = timeline.together(told, units, 0.1)
    assert [one.name for one in found] == ["secrets", "mariadb.service", "keystone"]
    assert "quick.service" in [one.name for one in timeline.together(told, units, 0.0)]


def test_the_chart() -> None:
    stage, unit = Span("stage", "a", 0.0, 5.0), Span("unit", "b.service", 5.0, 10.0)
    lines = timeline.draw([stage, unit, Span("api", "c", None, 10.0)], 63)
    bars = [line[19 : 19 + 28] for line in lines[1:]]
    assert bars[0].rstrip() == "=" * 14
    assert bars[1].strip() == "=" * 14
    assert bars[1].index("=") == 14
    assert bars[2].index("|") == 27
    assert lines[2].split()[:2] == ["5.00", "5.00"]
    assert lines[3].split() == ["10.00", "|", "api", "c"]
    assert all(len(line) <= 63 for line in lines)
    assert timeline.draw([], 80) == ["nothing has come up yet"]


def test_stages_of_personalise_are_told(image: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    personalise.run(image, Reporter(image, []))
    told = stages.told(image)
    assert [one.name for one in told][:2] == ["network", "address"]
    assert all(one.kind == "stage" and 0 < (one.start or 0) <= one.uptime for one in told)
    status = Status("services")
    status.timeline = [*told, CameUp("a.service", "unit", told[-1].uptime + 2, told[-1].uptime)]
    Reporter(image, []).publish(status)
    capsys.readouterr()
    assert cli.main(["status", "--timeline", "--all"], image) == 3
    shown = capsys.readouterr().out
    assert "stage certificate" in shown
    assert "unit a.service" in shown


def test_a_damaged_note_is_no_matter(image: Layout) -> None:
    image.run.mkdir(parents=True)
    for text in ("", "[1]", json.dumps([["a", "b", "c"]])):
        image.stages.write_text(text)
        assert stages.told(image) == []
