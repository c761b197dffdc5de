"""The table of dependencies is whole: every file that ships belongs to a step, and says what of."""

from __future__ import annotations

import importlib.util

import pytest

from aio_image import deployers, systems
from aio_image.paths import resource
from aio_image.plan import inputs
from aio_image.plan.build import make_plan
from aio_image.plan.model import Plan
from aio_image.plan.table import CODE_APART, CODE_ROOMS, STEPS
from aio_image.profile.load import load_profile
from aio_image.systems import families

_EVERY_ROW = [row for rows in STEPS.values() for row in rows]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(load_profile("debian-aio"))


def _labels(plan: Plan) -> set[str]:
    return {each.label for step in plan.steps for each in step.inputs}


@pytest.mark.parametrize("folder", ["elements", "playbooks", "cloud-init"])
def test_every_file_that_ships_is_somebodys_input(plan: Plan, folder: str) -> None:
    files = inputs.files_below(resource(folder))
    ours = {f"{folder}/{path.relative_to(resource(folder)).as_posix()}" for path in files}
    assert ours, f"{folder} is empty"
    # What roots and images of other distributions are made of.
    others = {name for each in systems.names() for name in systems.load(each).elements}
    others |= set(families.image_elements("redhat"))
    strays = ours - _labels(plan)
    strays = {label for label in strays if label.split("/")[1] not in others}
    assert not strays, f"no row of aio_image/plan/table.py names {sorted(strays)}"


def test_every_pattern_matches_something() -> None:
    for (deployer, _), rows in STEPS.items():
        blanks = {
            "deployer": deployers.folder(deployer),
            "distribution": "debian",
            "element": "aio-root",
            "image_element": "aio-image-disk",
            "mirror": "debian",
        }
        for row in rows:
            for pattern in row.files:
                matched = inputs.matching(pattern.format(**blanks))
                assert matched, f"{deployer}, {row.name}: {pattern} matches nothing"


def test_every_step_has_its_code() -> None:
    for row in _EVERY_ROW:
        assert importlib.util.find_spec(row.code), row.code
        assert any(label.startswith("aio_image/") for label in inputs.code_inputs(row.code))
    for module in CODE_APART:
        assert importlib.util.find_spec(module), module


def test_everything_in_a_code_room_is_somebodys_input(plan: Plan) -> None:
    """Data, and modules nobody imports by name (plugins, `-m` entries), would be missing."""
    package = resource("elements").parent / "aio_image"
    if not package.is_dir():
        pytest.skip("an installed package")
    apart = {f"{module.replace('.', '/')}.py" for module in CODE_APART}
    # What it says is in the root's settings, package by package.
    apart |= {"aio_image/deployers/debian/packages.yaml"}
    apart |= {f"aio_image/systems/{name}.yaml" for name in systems.names()}
    # What these say is in the image's settings.
    apart |= {"aio_image/systems/families.py"}
    apart |= {f"aio_image/systems/families/{name}.yaml" for name in ("debian", "redhat")}
    # What a build takes of its host; nothing is made of it.
    apart |= {f"aio_image/deployers/{deployers.folder(n)}/host.yaml" for n in deployers.names()}
    # Entries for developers; no step's code.
    apart |= {f"aio_image/{room}/__main__.py" for room in CODE_ROOMS}
    ours = {
        f"aio_image/{path.relative_to(package).as_posix()}"
        for room in CODE_ROOMS
        for path in inputs.files_below(package / room)
    }
    # What makes a lock; the lock itself is the input.
    apart |= {
        f"aio_image/deployers/openstack_ansible/{name}"
        for name in ("locking.py", "named.py", "series.py", "series.yaml")
    }
    others = {
        label
        for (deployer, _), rows in STEPS.items()
        if deployer == "openstack-ansible"
        for row in rows
        for label in [
            *inputs.code_inputs(row.code),
            *(
                label
                for name in row.files
                for label, _ in inputs.matching(
                    name.replace("{deployer}", "openstack_ansible").replace("{", "")
                )
            ),
        ]
    }
    strays = sorted(ours - _labels(plan) - others - apart)
    assert not strays, "\n".join(strays)


def test_steps_come_after_what_they_need() -> None:
    for rows in STEPS.values():
        seen: set[str] = set()
        for row in rows:
            assert set(row.needs) <= seen, row.name
            seen.add(row.name)


def test_a_step_is_laid_over_every_tree_before_it(plan: Plan) -> None:
    assert {step.name: step.layers for step in plan.steps} == {
        "root": (),
        "bake": ("root",),
        "seal": ("root", "bake"),
        "gate": ("root", "bake", "seal"),
        "image": ("root", "bake", "seal"),
        "manifest": ("root", "bake", "seal"),
    }
    for step in plan.steps:
        assert step.needs[: len(step.layers)] == step.layers


def test_steps_get_what_the_table_promises(plan: Plan) -> None:
    for row in STEPS["debian", "deployed"]:
        settings = plan.step(row.name).settings
        named = {name.format(mirror="debian") for name in row.settings}
        assert set(settings) == {*named, *row.facts}
    root = plan.step("root").settings
    assert root["system.release"] == "trixie"
    assert root["packages"] == sorted(set(root["packages"]))
    assert {"keystone", "mariadb-server", "openstack-dashboard"} <= set(root["packages"])
    assert plan.step("image").settings["image.size"] == 12 << 30


def test_no_secret_and_no_place_of_this_host_is_in_a_plan(plan: Plan) -> None:
    text = repr(plan)
    assert str(resource("elements").parent) not in text
    assert "aioCanary" not in text
