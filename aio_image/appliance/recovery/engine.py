"""Going through the parts in order: telling what is wrong, mending it, waiting until healthy."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..layout import Layout
from ..problems import ApplianceProblem
from ..shipped import shipped
from . import answers, containers, failed, keys, mariadb, ovsdb, rabbitmq
from .model import Finding, ask, do

Tell = Callable[[str], None]

_KINDS: Mapping[str, Callable[[Mapping[str, Any], Layout], list[Finding]]] = {
    "answer": answers.examine,
    "containers": containers.examine,
    "keys": keys.examine,
    "mariadb": mariadb.examine,
    "ovsdb": ovsdb.examine,
    "rabbitmq": rabbitmq.examine,
    "units": failed.examine,
}
_WATCHER = "aio-ready.service"


def parts(layout: Layout) -> list[Mapping[str, Any]]:
    """The rows of recovery.json, in order. Raises ApplianceProblem."""
    path, cure = layout.recovery, "boot a new image"
    with shipped(path, form=None, absent=cure, damaged=cure) as data:
        rows: list[Mapping[str, Any]] = data["parts"]
        unknown = {row["kind"] for row in rows} - set(_KINDS)
        if data["format"] != 1 or unknown:
            raise ApplianceProblem(f"{path}: of another format ({', '.join(unknown)})")
    return rows


def findings(layout: Layout, rows: list[Mapping[str, Any]]) -> Iterator[Finding]:
    """What is wrong now, part by part: the next part is looked at when it is asked for."""
    for row in rows:
        yield from _KINDS[row["kind"]](row, layout)


def mend(layout: Layout, rows: list[Mapping[str, Any]], tell: Tell) -> tuple[int, list[str]]:
    """Mend what can be mended; how much was wrong, and what is left to a person."""
    count, left = 0, []
    for finding in findings(layout, rows):
        count += 1
        tell(f"{finding.part}: {finding.what}")
        if finding.mend is None:
            left.append(f"{finding.part}: {finding.what}; {finding.cure}")
            continue
        tell(f"  {finding.cure}")
        try:
            finding.mend()
        except (ApplianceProblem, OSError) as problem:
            hint = getattr(problem, "hint", "")
            left.append(f"{finding.part}: {problem}" + (f"; {hint}" if hint else ""))
            tell(f"  did not help: {problem}")
        else:
            tell("  done")
    return count, left


def wait_until_healthy(layout: Layout, seconds: float, tell: Tell) -> None:
    """Have the watcher of a boot look again. Raises ApplianceProblem when it is not healthy."""
    layout.status.unlink(missing_ok=True)  # it tells of the time before
    ask("systemctl", "reset-failed", _WATCHER)
    do("systemctl", "restart", _WATCHER)
    until = time.monotonic() + seconds
    said = ""
    while True:
        try:
            status = json.loads(layout.status.read_text("utf-8"))
        except FileNotFoundError:
            status = {"state": "working", "detail": "starting"}
        if status["detail"] != said:
            said = status["detail"]
            tell(f"{status['state']}: {said}")
        if status["state"] == "healthy":
            return
        if time.monotonic() > until:
            raise ApplianceProblem(
                f"not healthy after {seconds:.0f} s: {said}", hint="aio report, or aio rebuild"
            )
        time.sleep(1)
