"""Prints what a run of .ci/run did: the checks of the booted image, its parts, one closing line.

usage: ci_summary.py FOLDER

FOLDER holds parts.tsv (name, exit code, seconds a line) and JUnit files. Exit code 0 when every
part exited with 0 and no test or check failed. The closing line is "N passed, N failed", a part
that failed without a failing test of its own counted as one failure. Standard library only: it
must also speak where set-up failed.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

_OUTCOMES = {"failure": "failed", "error": "failed", "skipped": "skipped"}


def cases(report: Path) -> list[tuple[str, str, float, str]]:
    """Each case of a JUnit file: name, passed|failed|skipped, seconds, the reason's first line.

    A file that is not whole (the disk was full) is one failed case.
    """
    found = []
    try:
        root = ET.parse(report).getroot()
    except ET.ParseError as error:
        print(f"\n{report} is not whole: {error}")
        return [(report.name, "failed", 0.0, "not whole")]
    for case in root.iter("testcase"):
        outcome, reason = "passed", ""
        for child in case:
            if child.tag in _OUTCOMES:
                outcome = _OUTCOMES[child.tag]
                reason = (child.get("message") or child.text or "").strip().split("\n")[0]
        found.append((case.get("name", "?"), outcome, float(case.get("time", 0)), reason))
    return found


def _minutes(seconds: int) -> str:
    return f"{seconds // 60:3d}:{seconds % 60:02d}"


def main(folder: Path) -> int:
    """Print the tables and the closing line for ``folder``; 1 when anything failed, else 0."""
    totals: Counter[str] = Counter()
    reports = {path.stem: cases(path) for path in sorted(folder.glob("*.xml"))}
    for name, outcomes in reports.items():
        totals.update(outcome for _, outcome, _, _ in outcomes)
        if name != "boot":  # pytest has listed its own
            continue
        print(f"\n{name}")
        for check, outcome, seconds, reason in outcomes:
            print(f"  {check:<34} {outcome:<8} {seconds:8.1f} s  {reason[:90]}".rstrip())
    print("\npart          result        time")
    lines = (folder / "parts.tsv").read_text().splitlines() if folder.is_dir() else []
    parts = [line.split("\t") for line in lines]
    for name, status, seconds in parts:
        result = "passed" if status == "0" else f"exit {status}"
        print(f"{name:<13} {result:<10} {_minutes(int(seconds))}")
        own = reports.get(name, [])
        if status != "0" and not any(outcome == "failed" for _, outcome, _, _ in own):
            totals["failed"] += 1
    if parts:
        print(f"{'in all':<24} {_minutes(sum(int(seconds) for _, _, seconds in parts))}")
    print(f"\n{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped")
    return 1 if totals["failed"] or not parts else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
