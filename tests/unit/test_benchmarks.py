"""What benchmarks make of what they measured."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

from aio_image.paths import resource
from benchmarks.boots import api_times
from benchmarks.builds import MIGRATION, migration_seconds
from benchmarks.rows import Row, keep, table


def test_ratio_decides_where_there_is_a_floor() -> None:
    missed = Row("cold build", 300, "s", target_ratio=1.3, floor=200, floor_name="floor")
    assert (missed.ratio, missed.met) == (1.5, False)
    assert Row("cold build", 260, "s", target_ratio=1.3, floor=200).met
    assert Row("rebuild", 4, "s", target=5).met
    assert not Row("size", 701, "MB", target=700, floor=650).met
    assert Row("step", 4, "s").met is None


def test_table_is_aligned_and_says_what_was_missed() -> None:
    rows = [
        Row("cold build", 300, "s", target_ratio=1.3, floor=200, floor_name="mmdebstrap"),
        Row("unchanged rebuild", 1.24, "s", target=5),
    ]
    assert table(rows).splitlines() == [
        "what               measured  ratio  target         floor",
        "cold build         300 s     1.50   <= 1.3 MISSED  200 s: mmdebstrap",
        "unchanged rebuild  1.2 s            <= 5.0 s met",
    ]


def test_apis_are_those_of_the_catalogue_and_horizon() -> None:
    rows = [
        {"kind": "unit", "name": "horizon", "uptime": 999.0},
        {"kind": "api", "name": "nova", "uptime": 50.0},
        {"kind": "page", "name": "horizon", "uptime": 70.0},
        {"kind": "page", "name": "nova-novncproxy", "uptime": 90.0},
    ]
    assert api_times(rows) == (70.0, 90.0)


def test_history_grows_by_a_line_a_run(tmp_path: Path) -> None:
    history = tmp_path / "kept/history.jsonl"
    for commit in ("one", "two"):
        keep(history, {"commit": commit}, [Row("size", 1, "MB", target=2)])
    runs = [json.loads(line) for line in history.read_text().splitlines()]
    assert [run["commit"] for run in runs] == ["one", "two"]
    assert runs[0]["rows"][0]["met"] is True


def _told(step: str, message: str, at: float) -> dict[str, object]:
    return {"event": "StepProgress", "step": step, "message": message, "at": at}


def test_migrations_are_the_bakes_database_tasks_and_overlaps_count_once() -> None:
    events = [
        _told("root", "keystone : Make Keystone's tables", 0),
        _told("bake", "keystone : Write Keystone's settings (task 1 of 9)", 10),
        _told("bake", "keystone : Make Keystone's tables (task 2 of 9)", 20),
        _told("bake", "nova : Make the tables of Nova's cells (task 3 of 9)", 22),
        _told("bake", "keystone : Start Keystone (task 4 of 9)", 25),
        _told("bake", "nova : Start Nova's API (task 5 of 9)", 31),
        _told("bake", "cinder : Make Cinder's tables (task 6 of 9)", 40),
        {"event": "StepFinished", "step": "bake", "at": 44, "seconds": 34},
    ]
    assert migration_seconds(events) == (31 - 20) + (44 - 40)


def test_migrations_of_the_real_playbooks_are_recognised() -> None:
    """Their tasks' names decide: a role that makes tables under another name would be missed."""
    roles = resource("playbooks") / "roles"
    schemas = sorted(roles.glob("*/tasks/schema.yml"))
    assert schemas
    for schema in schemas:
        text = schema.read_text()
        if re.search(r"(db|api_db)[ _]sync|upgrade heads", text):
            names = [task["name"] for task in yaml.safe_load(text)]
            assert any(MIGRATION.search(name) for name in names), schema
