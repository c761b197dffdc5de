"""Results of checks as JUnit XML, JSON and a table."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from aio_image.report.checks import all_passed, results_table, write_json, write_junit
from aio_image.report.events import CheckFinished
from aio_image.report.lines import Style

CHECKS = [
    CheckFinished("keystone token", "ok", 1.25, "", at=1000.0),
    CheckFinished("catalogue", "failed", 10.0, "<nova> & co", "see \x1b[1mlog", at=1010.0),
    CheckFinished("volume", "skipped", 0.0, "catalogue failed", at=1010.0),
    CheckFinished("memory", "warning", 0.5, "tight", at=1011.0),
]


def test_junit(tmp_path: Path) -> None:
    path = tmp_path / "new" / "junit.xml"
    write_junit(path, "debian-aio", CHECKS)
    suite = ET.parse(path).getroot().find("testsuite")
    assert suite is not None
    assert {name: suite.get(name) for name in ("name", "tests", "failures", "skipped", "time")} == {
        "name": "debian-aio",
        "tests": "4",
        "failures": "1",
        "skipped": "1",
        "time": "11.750",
    }
    assert suite.get("timestamp") == "1970-01-01T00:16:38"
    token, catalogue, volume, memory = suite.findall("testcase")
    assert list(token) == []
    failure = catalogue.find("failure")
    assert failure is not None
    assert failure.get("message") == "<nova> & co"
    assert failure.text == "<nova> & co\nsee ?[1mlog"
    assert volume.find("skipped") is not None
    assert memory.findtext("system-out") == "tight"


@given(st.text(), st.text(), st.text())
@settings(deadline=None)
def test_junit_holds_any_text(tmp_path_factory, name: str, detail: str, hint: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path_factory.mktemp("junit") / "junit.xml"
    write_junit(path, "any", [CheckFinished(name, "failed", 0.1, detail, hint)])
    assert ET.parse(path).getroot().find(".//failure") is not None


def test_json(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_json(path, "debian-aio", CHECKS, {"accelerator": "tcg"})
    read = json.loads(path.read_text())
    assert read["passed"] is False
    assert read["facts"] == {"accelerator": "tcg"}
    assert read["checks"][1] == {
        "check": "catalogue",
        "outcome": "failed",
        "seconds": 10.0,
        "detail": "<nova> & co",
        "hint": "see \x1b[1mlog",
        "at": 1010.0,
    }


def test_nothing_checked_is_nothing_proven() -> None:
    assert not all_passed([])
    assert all_passed(CHECKS[:1] + CHECKS[2:])


def test_table() -> None:
    assert results_table(CHECKS) == [
        "ok   keystone token      1.2 s",
        "FAIL catalogue            10 s  <nova> & co",
        "skip volume              0.0 s  catalogue failed",
        "warn memory              0.5 s  tight",
        "1 ok, 1 warning, 1 failed, 1 skipped in 12 s",
    ]
    assert (
        results_table(CHECKS, Style(unicode=True))[1] == "✗ catalogue            10 s  <nova> & co"
    )
