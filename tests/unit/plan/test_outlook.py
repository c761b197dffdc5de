"""What would run, and the reason given for it."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.plan.kept import read_records
from aio_image.plan.model import Input, Plan, Step, step_key
from aio_image.plan.outlook import outlook
from aio_image.profile.load import load_profile

_DAY = datetime(2026, 11, 22, 8, 10, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(load_profile("debian-aio"))


def _keep(home: Home, plan: Plan, *names: str, when: datetime = _DAY, profile: str = "") -> None:
    for number, name in enumerate(names or [step.name for step in plan.steps]):
        step = plan.step(name)
        folder = home.steps / name / step.key
        folder.mkdir(parents=True, exist_ok=True)
        record = {
            "step": name,
            "profile": profile or plan.profile,
            "key": step.key,
            "inputs": [dataclasses.asdict(each) for each in step.inputs],
            "settings": dict(step.settings),
            "needs": {need: plan.step(need).key for need in step.needs},
            "finished": (when + timedelta(minutes=number)).isoformat(),
            "seconds": 10.0 * (number + 1),
        }
        (folder / "step.json").write_text(json.dumps(record))


def _rekeyed(plan: Plan, changed: Step) -> Plan:
    """``plan`` with ``changed`` in it, and the keys that follow from that."""
    keys: dict[str, str] = {}
    steps = []
    for old in plan.steps:
        step = changed if old.name == changed.name else old
        needs = tuple(keys[name] for name in step.needs)
        keys[step.name] = step_key(step.name, step.settings, step.inputs, needs)
        steps.append(dataclasses.replace(step, key=keys[step.name]))
    return Plan(plan.profile, tuple(steps))


def _with_file(plan: Plan, step: str, label: str, digest: str = "0" * 64) -> Plan:
    old = plan.step(step)
    others = tuple(each for each in old.inputs if each.label != label)
    return _rekeyed(plan, dataclasses.replace(old, inputs=(*others, Input(label, digest))))


def _said(plan: Plan, home: Home, **options: str) -> dict[str, str]:
    rows = outlook(plan, home, **options)  # type: ignore[arg-type]
    return {row.step.name: f"{row.action}: {row.reason}" for row in rows}


def test_at_first_everything_runs(plan: Plan, home: Home) -> None:
    assert set(_said(plan, home).values()) == {"run: never built"}


def test_nothing_changed_is_nothing_to_do(plan: Plan, home: Home) -> None:
    _keep(home, plan)
    said = _said(plan, home)
    assert set(said) == {"root", "bake", "seal", "gate", "image", "manifest"}
    local = _DAY.astimezone()
    assert said["root"] == f"kept: kept from {local:%Y-%m-%d %H:%M}"
    assert all(each.startswith("kept: ") for each in said.values())


def test_a_changed_playbook_leaves_the_root_alone(plan: Plan, home: Home) -> None:
    _keep(home, plan)
    label = next(each.label for each in plan.step("bake").inputs if "roles/nova" in each.label)
    said = _said(_with_file(plan, "bake", label), home)
    assert said["root"].startswith("kept: ")
    assert said["bake"] == f"run: {label} changed"
    assert said["seal"] == "run: needs bake, which will run"
    assert said["image"] == "run: needs gate, which will run"
    assert said["manifest"] == "run: needs image, which will run"


def test_added_and_removed_files_are_named_and_counted(plan: Plan, home: Home) -> None:
    _keep(home, plan)
    bake = plan.step("bake")
    fewer = dataclasses.replace(bake, inputs=bake.inputs[4:])
    said = _said(_rekeyed(plan, fewer), home)
    gone = [each.label for each in bake.inputs[:4]]
    assert said["bake"] == f"run: {gone[0]} removed, {gone[1]} removed and 2 more"
    said = _said(_with_file(plan, "bake", "playbooks/roles/new/tasks/main.yml"), home)
    assert said["bake"] == "run: playbooks/roles/new/tasks/main.yml added"


def test_changed_settings_are_spelled_as_people_write_them(home: Home) -> None:
    _keep(home, make_plan(load_profile("debian-aio")))
    changed = load_profile(
        "debian-aio",
        ["image.size=20 GiB", "packages.extra=[tmux]", "mirrors.debian=http://m.example/debian"],
    )
    said = _said(make_plan(changed), home)
    assert said["root"] == (
        "run: mirrors.debian was none, is http://m.example/debian, packages: tmux added"
    )
    assert said["image"] == "run: image.size was 12 GiB, is 20 GiB"


def test_only_the_image_settings_rerun_only_the_image(home: Home) -> None:
    _keep(home, make_plan(load_profile("debian-aio")))
    said = _said(make_plan(load_profile("debian-aio", ["image.size=20 GiB"])), home)
    runs = [name for name, each in said.items() if each.startswith("run")]
    assert runs == ["image", "manifest"]


def test_test_settings_rerun_only_the_manifest(home: Home) -> None:
    _keep(home, make_plan(load_profile("debian-aio")))
    said = _said(make_plan(load_profile("debian-aio", ["test.cpus=4"])), home)
    assert [name for name, each in said.items() if each.startswith("run")] == ["manifest"]


def test_a_failed_build_goes_on_where_it_stopped(plan: Plan, home: Home) -> None:
    _keep(home, plan, "root", "bake")
    said = _said(plan, home)
    assert said["bake"].startswith("kept")
    assert said["seal"] == "run: never built"


def test_from_runs_what_follows(plan: Plan, home: Home) -> None:
    _keep(home, plan)
    said = _said(plan, home, start="seal")
    assert said["bake"].startswith("kept")
    assert said["seal"] == "run: asked for by --from seal"
    assert said["gate"] == "run: needs seal, which will run"


def test_pruned_roots_are_not_needed_while_the_image_is_there(plan: Plan, home: Home) -> None:
    _keep(home, plan, "image", "manifest")
    said = _said(plan, home)
    assert said["root"] == "unneeded: what is made from it is kept"
    assert said["image"].startswith("kept")


def test_a_root_made_again_takes_what_lies_over_it_along(plan: Plan, home: Home) -> None:
    """The root was pruned: made again it may hold newer packages than the bake was made on."""
    _keep(home, plan, "bake")
    said = _said(plan, home)
    assert said["root"] == "run: never built"
    assert said["bake"] == "run: needs root, which will run"


def test_a_root_remade_for_another_profile_does_not_fit_an_older_bake(
    plan: Plan, home: Home
) -> None:
    _keep(home, plan)
    _keep(home, plan, "root", when=_DAY + timedelta(days=1), profile="other")
    said = _said(plan, home)
    assert said["root"].startswith("kept")
    assert said["bake"] == "run: what it was made from was made again since"
    assert said["image"] == "run: needs gate, which will run"


def test_going_back_to_an_older_state_finds_it(plan: Plan, home: Home) -> None:
    _keep(home, plan)
    newer = _with_file(plan, "bake", "playbooks/bake.yml")
    _keep(home, newer, when=_DAY + timedelta(hours=1))
    # The shared root was not made again.
    _keep(home, plan, "root")
    assert all(each.startswith("kept") for each in _said(plan, home).values())


def test_the_last_build_of_the_same_profile_is_compared(plan: Plan, home: Home) -> None:
    _keep(home, plan)
    other = _with_file(plan, "bake", "playbooks/other.yml")
    _keep(home, other, "bake", when=_DAY + timedelta(days=1), profile="other")
    label = plan.step("bake").inputs[0].label
    assert _said(_with_file(plan, "bake", label), home)["bake"] == f"run: {label} changed"


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"step": "root"}', '{"inputs": 3}', "null"])
def test_broken_records_are_no_results(plan: Plan, home: Home, broken: str) -> None:
    folder = home.steps / "root" / plan.step("root").key
    folder.mkdir(parents=True)
    (folder / "step.json").write_text(broken)
    assert read_records(home, "root") == []
    assert _said(plan, home)["root"] == "run: never built"


def test_without_the_gate_it_is_another_image(plan: Plan) -> None:
    without = make_plan(load_profile("debian-aio"), gate=False)
    assert [step.name for step in without.steps] == ["root", "bake", "seal", "image", "manifest"]
    assert without.step("seal").key == plan.step("seal").key
    assert without.step("image").key != plan.step("image").key
    assert "gate" not in without.step("image").needs
