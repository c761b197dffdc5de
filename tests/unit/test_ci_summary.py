"""The closing table of .ci/run: it must never call a run good that was not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_SUMMARY = Path(__file__).resolve().parents[2] / "tools/ci_summary.py"
_GOOD = '<testsuite><testcase name="token" time="3.2"/></testsuite>'
_BAD = '<testsuite><testcase name="token"><failure message="401&#10;more"/></testcase></testsuite>'


def _summary(folder: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, _SUMMARY, folder], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("parts", "boot", "status", "closing"),
    [
        ("boot\t0\t9\n", _GOOD, 0, "1 passed, 0 failed, 0 skipped"),
        ("boot\t6\t9\n", _BAD, 1, "0 passed, 1 failed, 0 skipped"),
        # Every check passed and the command failed all the same: that is a failure too.
        ("boot\t1\t9\n", _GOOD, 1, "1 passed, 1 failed, 0 skipped"),
        # A check failed and the command did not notice.
        ("boot\t0\t9\n", _BAD, 1, "0 passed, 1 failed, 0 skipped"),
        # The disk was full before the report was written, or while it was.
        ("boot\t2\t9\n", "", 1, "0 passed, 1 failed, 0 skipped"),
        ("boot\t2\t9\n", _GOOD[:30], 1, "0 passed, 1 failed, 0 skipped"),
        # A part that failed before it could report anything.
        ("set-up\t3\t9\n", None, 1, "0 passed, 1 failed, 0 skipped"),
        ("", None, 1, "0 passed, 0 failed, 0 skipped"),
    ],
)
def test_closing_line_and_status(
    tmp_path: Path, parts: str, boot: str | None, status: int, closing: str
) -> None:
    (tmp_path / "parts.tsv").write_text(parts)
    if boot is not None:
        (tmp_path / "boot.xml").write_text(boot)
    assert _summary(tmp_path)[0] == status
    assert _summary(tmp_path)[1][-1] == closing


def test_failed_check_is_named_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "parts.tsv").write_text("set-up\t0\t70\nboot\t6\t61\n")
    (tmp_path / "boot.xml").write_text(_BAD)
    said = "\n".join(_summary(tmp_path)[1])
    assert "token                              failed        0.0 s  401\n" in said
    assert "boot          exit 6       1:01" in said
    assert "in all                     2:11" in said
