"""The plan of each shipped profile, as agreed: `golden/<profile>.json`.

Without the digests, which change with every file, and without the packages, which are the
deployer's table. To accept a change on purpose: AIO_ACCEPT=1 pytest tests/unit/plan/test_golden.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aio_image import systems
from aio_image.errors import ProfileError
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.plan.outlook import outlook
from aio_image.profile.layers import shipped
from aio_image.profile.load import list_profiles, load_profile
from aio_image.sources.git.pins import Lock, Pin, parse

_GOLDEN = Path(__file__).with_name("golden")
_FROM_TABLES = ("packages", "stand_in", "exclude")


_LOCK = Lock(
    "openstack-ansible", "2026.1", "33.0.1", "aio_metal",
    (Pin("nova", "service", "https://o.example/nova", "a" * 40, "b" * 40),),
)  # fmt: skip


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lock:
    """Where plans look for it: beside whoever calls."""
    monkeypatch.chdir(tmp_path)
    for each in list_profiles():
        Path(f"{each.name}.lock.yaml").write_text(_LOCK.text())
    return _LOCK


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize("name", ["debian-aio", "osa-aio-metal", "osa-aio-metal-staged"])
def test_plans_are_as_agreed(name: str) -> None:
    plan = make_plan(load_profile(name))
    told = {
        step.name: {
            "title": step.title,
            "needs": list(step.needs),
            "layers": list(step.layers),
            "settings": {
                key: value for key, value in step.settings.items() if key not in _FROM_TABLES
            },
        }
        for step in plan.steps
    }
    golden = _GOLDEN / f"{name}.json"
    if os.environ.get("AIO_ACCEPT"):
        golden.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    assert told == json.loads(golden.read_text(encoding="utf-8"))


def test_without_a_lock_it_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProfileError, match=r"osa-aio-metal\.lock\.yaml") as no:
        make_plan(load_profile("osa-aio-metal"))
    assert no.value.hint == "`aio-image lock PROFILE` makes it"


def test_openstack_ansible_is_built_from_its_lock_playbook_by_playbook(
    lock: Lock, tmp_path: Path
) -> None:
    plan = make_plan(load_profile("osa-aio-metal"))
    names = [step.name for step in plan.steps]
    assert names == [
        "root", "sources", "runtime", "bootstrap",
        "setup_hosts", "setup_infrastructure", "setup_openstack",
        "bake", "seal", "gate", "image", "manifest",
    ]  # fmt: skip
    assert plan.step("setup_openstack").needs == tuple(names[:6])
    assert plan.step("bake").layers == tuple(names[:7])
    assert plan.step("image").layers == tuple(names[:9])
    assert plan.targets == ("image", "manifest")
    assert [row.action for row in outlook(plan, Home(tmp_path))] == ["run"] * 12
    assert make_plan(load_profile("debian-aio")).targets == ("image", "manifest")
    assert parse("\n".join(plan.step("sources").settings["lock"])) == lock


@pytest.mark.usefixtures("lock")
def test_a_staged_image_has_nothing_of_the_deployment_that_it_is_made_by() -> None:
    plan = make_plan(load_profile("osa-aio-metal-staged"))
    deployed = make_plan(load_profile("osa-aio-metal"))
    image = ("root", "sources", "runtime")
    tried = ("bootstrap", "setup_hosts", "setup_infrastructure", "setup_openstack")
    assert [step.name for step in plan.steps] == [*image, *tried, "stores", "stage"]
    assert plan.step("stores").layers == (*image, *tried)
    assert plan.step("stage").layers == image
    assert set(plan.step("stage").needs) == {*image, *tried[1:], "stores"}
    # What a deployed image is made of is not made twice.
    for name in (*image, *tried):
        assert plan.step(name).key == deployed.step(name).key


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize("name", ["osa-aio-lxc", "osa-aio-lxc-barbican-ceph-ovs"])
def test_a_scenario_that_no_table_covers_ends_with_the_deployed_tree(name: str) -> None:
    plan = make_plan(load_profile(name))
    assert plan.targets == ("setup_openstack",)


def test_there_is_no_golden_file_too_many() -> None:
    assert {path.stem for path in _GOLDEN.glob("*.json")} <= shipped().keys()


@pytest.mark.parametrize(
    ("name", "mirror", "element"),
    [
        ("osa-aio-metal-bookworm", "mirrors.debian", "aio-root"),
        ("osa-aio-metal-noble", "mirrors.ubuntu", "aio-root"),
        ("osa-aio-metal-centos10", "mirrors.centos", "aio-redhat-system"),
        ("osa-aio-metal-rocky10", "mirrors.rocky", "aio-redhat-system"),
    ],
)
def test_a_root_is_its_own_systems(
    name: str, mirror: str, element: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    lock = Lock("openstack-ansible", "2026.1", "33.0.1", "aio_metal", ())
    Path(f"{name}.lock.yaml").write_text(lock.text())
    step = make_plan(load_profile(name)).step("root")
    assert [key for key in step.settings if key.startswith("mirrors.")] == [mirror]
    distribution = step.settings["system.distribution"]
    assert step.settings["packages"] == list(systems.load(distribution).packages)
    labels = {each.label for each in step.inputs}
    assert any(label.startswith(f"elements/{element}/") for label in labels)
    assert f"aio_image/systems/{distribution}.yaml" in labels
