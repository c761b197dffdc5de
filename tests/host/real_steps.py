"""Builds with the real steps on a small root, as a process of its own: the one that is killed."""

from __future__ import annotations

import importlib
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from aio_image.errors import AioError
from aio_image.execution.build import build
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.plan.model import Plan
from aio_image.plan.table import STEPS
from aio_image.profile.load import load_profile
from aio_image.report.events import Events
from aio_image.report.reporter import reporter_for
from tests.host.dib.builds import IMAGE_SETTINGS, ROOT_SETTINGS

_SMALL = {"root": ROOT_SETTINGS, "image": IMAGE_SETTINGS}
_BAKED = {
    "etc/aio/release.yaml": "bake_id: 0123456789abcdef\n",
    "usr/share/aio/services.json": '{"services": []}\n',
}


def small_plan() -> Plan:
    """The default profile's steps; root and image with a small Debian's settings."""
    plan = make_plan(load_profile("debian-aio", []))
    steps = [
        replace(step, settings=_SMALL[step.name]) if step.name in _SMALL else step
        for step in plan.steps
    ]
    return Plan("small", tuple(steps))


def keep_results(home: Home, root: Path, before: str) -> None:
    """Put results of all steps before ``before`` into ``home``: ``root``'s, and next to nothing."""
    for step in small_plan().steps:
        if step.name == before:
            return
        kept = home.steps / step.name / step.key
        if step.name == "root":
            kept.mkdir(parents=True)
            (kept / "tree").symlink_to(root / "tree")
        else:
            (kept / "tree").mkdir(parents=True)
        for name, text in _BAKED.items() if step.name == "bake" else ():
            path = kept / "tree" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        record = {
            "profile": "small", "step": step.name, "key": step.key, "inputs": [], "settings": {},
            "needs": {}, "finished": datetime.now(UTC).isoformat(), "seconds": 1.0,
        }  # fmt: skip
        (kept / "step.json").write_text(json.dumps(record))


def main(target: str) -> int:
    rows = STEPS["debian", "deployed"][:5]
    codes = {row.name: importlib.import_module(row.code).run for row in rows}
    with reporter_for(sys.stdout, "json") as reporter:
        try:
            build(small_plan(), Home.default(), Events(reporter), targets=(target,), codes=codes)
        except AioError as error:
            print(f"ERROR {error.message} | {error.hint} | {error.log}", flush=True)
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
