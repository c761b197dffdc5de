"""`python -m aio_image.bake`: which steps it knows, and whose trees it lays over each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aio_image.bake import __main__ as single
from aio_image.errors import UsageError
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.plan.model import Plan
from aio_image.profile.load import load_profile


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("AIO_IMAGE_HOME", str(tmp_path / "home"))
    return Home.default()


@pytest.fixture
def plan() -> Plan:
    return make_plan(load_profile("debian-aio"))


def kept(home: Home, plan: Plan, name: str) -> Path:
    step = plan.step(name)
    folder = home.steps / name / step.key
    (folder / "tree").mkdir(parents=True)
    record = {
        "step": name, "profile": "debian-aio", "key": step.key, "inputs": [], "settings": {},
        "needs": {}, "finished": "2026-11-22T08:10:00+00:00", "seconds": 1,
    }  # fmt: skip
    (folder / "step.json").write_text(json.dumps(record))
    return folder


def test_its_own_trees_come_before_what_builds_have_kept(
    home: Home, plan: Plan, tmp_path: Path
) -> None:
    into = tmp_path / "into"
    (into / "bake" / "tree").mkdir(parents=True)
    root = kept(home, plan, "root")
    kept(home, plan, "bake")
    ctx = single._context(plan, "seal", into)
    assert ctx.layers == (root, into / "bake")
    assert ctx.output == into / "seal"
    assert ctx.step.settings == plan.step("seal").settings
    assert ctx.step.key != plan.step("seal").key


def test_a_tree_that_nobody_has_is_named(home: Home, plan: Plan, tmp_path: Path) -> None:
    kept(home, plan, "root")
    (tmp_path / "seal" / "tree").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"bake has no tree/") as no:
        single._context(plan, "seal", tmp_path)
    assert no.value.hint == "run bake first"
    # What was there stays: nothing is made anew that cannot be.
    assert (tmp_path / "seal" / "tree").is_dir()


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["image"], "no step image to run here"),
        (["shell", "--of", "gate"], "no step gate to run here"),
        (["bake"], "root has no tree/"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_line(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert single.main([*words, "--into", str(tmp_path / "into")]) != 0
    lines = capsys.readouterr().out.splitlines()
    assert said in lines[0]
    assert lines[1].startswith("hint: ")
    assert len(lines) == 2
