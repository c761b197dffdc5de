"""The results of named checks as a table, as JUnit XML and as JSON."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aio_image.report.events import CheckFinished
from aio_image.report.lines import Style
from aio_image.report.words import spell_seconds


def write_junit(path: Path, suite: str, checks: Sequence[CheckFinished]) -> None:
    """Write ``checks`` as a JUnit test suite named ``suite``: one test case a check.

    A failed check is a failure with its detail and hint, a skipped one is skipped; warnings
    pass, with their detail as output. Characters that XML cannot hold become ``?``.
    """
    failures = sum(check.outcome == "failed" for check in checks)
    skipped = sum(check.outcome == "skipped" for check in checks)
    total = sum(check.seconds for check in checks)
    began = min((check.at - check.seconds for check in checks), default=0.0)
    about = {
        "name": suite,
        "tests": str(len(checks)),
        "failures": str(failures),
        "errors": "0",
        "skipped": str(skipped),
        "time": f"{total:.3f}",
        "timestamp": datetime.fromtimestamp(began, UTC).strftime("%Y-%m-%dT%H:%M:%S"),
    }
    root = ET.Element("testsuites", {name: about[name] for name in ("tests", "failures", "time")})
    element = ET.SubElement(root, "testsuite", about)
    for check in checks:
        case = ET.SubElement(
            element,
            "testcase",
            {"classname": suite, "name": _xml(check.check), "time": f"{check.seconds:.3f}"},
        )
        text = "\n".join(filter(None, [check.detail, check.hint]))
        if check.outcome == "failed":
            ET.SubElement(case, "failure", {"message": _xml(check.detail)}).text = _xml(text)
        elif check.outcome == "skipped":
            ET.SubElement(case, "skipped", {"message": _xml(check.detail)})
        elif text:
            ET.SubElement(case, "system-out").text = _xml(text)
    ET.indent(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def write_json(
    path: Path, suite: str, checks: Sequence[CheckFinished], facts: Mapping[str, Any]
) -> None:
    """Write ``{"suite", "passed", "finished", "facts", "checks": [...]}``.

    ``facts`` are JSON types: a timeline, the accelerator, the image. Each check has ``check``,
    ``outcome``, ``seconds``, ``detail``, ``hint`` and ``at`` (seconds since the epoch).
    """
    body = {
        "suite": suite,
        "passed": all_passed(checks),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "facts": dict(facts),
        "checks": [
            {name: value for name, value in check.as_dict().items() if name != "event"}
            for check in checks
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


def all_passed(checks: Sequence[CheckFinished]) -> bool:
    """Whether there are checks and none failed: nothing checked is nothing proven."""
    return bool(checks) and not any(check.outcome == "failed" for check in checks)


def results_table(checks: Sequence[CheckFinished], style: Style | None = None) -> list[str]:
    """One line a check, columns aligned, and a line that counts them."""
    style = style or Style()
    width = max((len(check.check) for check in checks), default=0)
    lines = [
        f"{style.mark(check.outcome)}{_gap(check.outcome, style)} {check.check:<{width}}  "
        f"{spell_seconds(check.seconds):>9}  {check.detail}".rstrip()
        for check in checks
    ]
    counts = {
        outcome: sum(check.outcome == outcome for check in checks)
        for outcome in ("ok", "warning", "failed", "skipped")
    }
    total = spell_seconds(sum(check.seconds for check in checks))
    told = ", ".join(f"{number} {outcome}" for outcome, number in counts.items() if number)
    return [*lines, f"{told or 'no checks'} in {total}"]


def _gap(outcome: str, style: Style) -> str:
    """What pads a mark to the width of the widest: words differ, signs do not."""
    if style.unicode:
        return ""
    return " " * (4 - len(Style().mark(outcome)))


def _xml(text: str) -> str:
    """``text`` with ``?`` for what XML 1.0 has no place for (control characters, surrogates)."""
    return "".join(c if _allowed(ord(c)) else "?" for c in text)


def _allowed(code: int) -> bool:
    return (
        code in (0x9, 0xA, 0xD)
        or 0x20 <= code <= 0xD7FF
        or 0xE000 <= code <= 0xFFFD
        or code >= 0x10000
    )
