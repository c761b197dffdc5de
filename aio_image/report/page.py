"""The results of checks, what they ran on and a chart, as one HTML file that needs no other."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aio_image.report.chart import Bar, draw
from aio_image.report.checks import all_passed
from aio_image.report.events import CheckFinished
from aio_image.report.words import spell_fact, spell_seconds

_STYLE = """
body { font: 14px/1.45 sans-serif; color: #111827; margin: 2em; max-width: 1180px }
h1 { font-size: 1.5em } h2 { font-size: 1.1em; margin-top: 2em }
table { border-collapse: collapse } td, th { padding: .2em .9em .2em 0; text-align: left }
td { border-top: 1px solid #e5e7eb; vertical-align: top } td.time { text-align: right }
.ok { color: #047857 } .failed { color: #b91c1c; font-weight: bold }
.warning { color: #b45309 } .skipped { color: #6b7280 } .hint { color: #6b7280 }
"""


def write_page(
    path: Path,
    title: str,
    checks: Sequence[CheckFinished],
    facts: Mapping[str, Any],
    bars: Sequence[Bar],
) -> None:
    """Write the page. ``facts`` are names and values worth knowing; ``bars`` the chart's rows."""
    outcome = "passed" if all_passed(checks) else "failed"
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{_safe(title)}: {outcome}</title>',
        f"<style>{_STYLE}</style></head><body>",
        f'<h1>{_safe(title)}: <span class="{"ok" if outcome == "passed" else "failed"}">'
        f"{outcome}</span></h1>",
        f"<p>{now}</p>",
        "<h2>Checks</h2><table><tr><th>check</th><th>result</th><th>time</th><th></th></tr>",
        *(_check(check) for check in checks),
        "</table>",
        "<h2>What it ran on</h2><table>",
        *(_fact(name, value) for name, value in facts.items()),
        "</table>",
    ]
    if bars:
        parts += ["<h2>Where the seconds went, from power-on</h2>", draw(bars)]
    parts.append("</body></html>\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(parts), encoding="utf-8")


def _check(check: CheckFinished) -> str:
    hint = ""
    if check.hint and check.outcome in ("failed", "warning"):
        hint = f'<div class="hint">{_safe(check.hint)}</div>'
    return (
        f'<tr><td>{_safe(check.check)}</td><td class="{check.outcome}">{check.outcome}</td>'
        f'<td class="time">{spell_seconds(check.seconds)}</td>'
        f"<td>{_safe(check.detail)}{hint}</td></tr>"
    )


def _fact(name: str, value: object) -> str:
    shown = _safe(spell_fact(name, value))
    return f"<tr><td>{_safe(name.replace('_', ' '))}</td><td>{shown}</td></tr>"


def _safe(text: str) -> str:
    return html.escape("".join(c if c.isprintable() else " " for c in text))
