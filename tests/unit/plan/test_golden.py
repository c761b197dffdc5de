"""The plan of each shipped profile, as agreed: `golden/<profile>.json`.

Without the digests, which change with every file, and without the packages, which are the
deployer's table. To accept a change on purpose: AIO_ACCEPT=1 pytest tests/unit/plan/test_golden.py
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from aio_image import systems
from aio_image.errors import ProfileError
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.plan.outlook import outlook
from aio_image.profile.layers import shipped
from aio_image.profile.load import list_profiles, load_profile
from aio_image.sources.git.pins import LeftOut, Lock, Pin, parse

_GOLDEN = Path(__file__).with_name("golden")
_FROM_TABLES = ("packages", "stand_in", "exclude")


_DEPLOYED = Pin("nova", "service", "https://o.example/nova", "a" * 40, "b" * 40)
_LATER = Pin("barbican", "addition", "https://opendev.org/openstack/barbican", "c" * 40, "d" * 40)
_LOCK = Lock("openstack-ansible", "2026.1", "33.0.1", "aio_metal", (_DEPLOYED, _LATER))


@pytest.fixture
def lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lock:
    """Where plans look for it: beside whoever calls."""
    monkeypatch.chdir(tmp_path)
    for each in list_profiles():
        Path(f"{each.name}.lock.yaml").write_text(_LOCK.text())
    return _LOCK


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize(
    "name", ["debian-aio", "osa-aio-metal", "osa-aio-metal-staged", "osa-aio-lxc-staged"]
)
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
        "additions", "bake", "carry", "seal", "gate", "image", "manifest",
    ]  # fmt: skip
    assert plan.step("setup_openstack").needs == tuple(names[:6])
    assert plan.step("bake").layers == tuple(names[:7])
    assert plan.step("image").layers == (*names[:7], "bake", "carry", "seal")
    assert plan.targets == ("image", "manifest")
    assert [row.action for row in outlook(plan, Home(tmp_path))] == ["run"] * 14
    assert make_plan(load_profile("debian-aio")).targets == ("image", "manifest")
    deployed = parse("\n".join(plan.step("sources").settings["lock"]))
    assert deployed == replace(lock, sources=(_DEPLOYED,))


@pytest.mark.usefixtures("lock")
def test_a_staged_image_has_nothing_of_the_deployment_that_it_is_made_by() -> None:
    plan = make_plan(load_profile("osa-aio-metal-staged"))
    deployed = make_plan(load_profile("osa-aio-metal"))
    image = ("root", "sources", "runtime")
    tried = ("bootstrap", "setup_hosts", "setup_infrastructure", "setup_openstack")
    ends = ("stores", "stage", "bake", "seal", "image", "manifest")
    assert tuple(step.name for step in plan.steps) == (*image, *tried, *ends)
    assert plan.step("stores").layers == (*image, *tried)
    assert plan.step("stage").layers == image
    assert plan.step("image").layers == (*image, "stage", "bake", "seal")
    assert set(plan.step("stage").needs) == {*image, *tried[1:], "stores"}
    # What a deployed image is made of is not made twice.
    for name in (*image, *tried):
        assert plan.step(name).key == deployed.step(name).key


@pytest.mark.usefixtures("lock")
def test_what_is_carried_for_later_deploys_nothing_anew() -> None:
    plain = make_plan(load_profile("osa-aio-metal", ["openstack_ansible.additions=[]"]))
    heat = replace(_LATER, name="heat", url="https://opendev.org/openstack/heat")
    more = replace(_LOCK, sources=(heat, *_LOCK.sources))
    Path("osa-aio-metal.lock.yaml").write_text(more.text())
    plan = make_plan(
        load_profile("osa-aio-metal", ["openstack_ansible.additions=[heat, barbican]"])
    )
    names = [step.name for step in plan.steps]
    assert names[6:11] == ["setup_openstack", "additions", "bake", "carry", "seal"]
    assert [name for name in names if name not in ("additions", "carry")] == [
        step.name for step in plain.steps
    ]
    for name in (*names[:7], "bake"):
        assert plan.step(name).key == plain.step(name).key
    for name in ("seal", "gate", "image"):
        assert plan.step(name).key != plain.step(name).key
        assert "carry" in plan.step(name).layers
    added, carry = plan.step("additions"), plan.step("carry")
    assert added.layers == tuple(names[:7])
    assert carry.layers == (*names[:7], "bake")
    assert carry.needs == (*carry.layers, "additions")
    assert added.settings["additions"] == ["barbican", "heat"]
    assert [row["name"] for row in added.settings["addition_sources"]] == ["heat", "barbican"]
    # What they are made of is no part of what is deployed.
    assert "barbican" not in "\n".join(plan.step("sources").settings["lock"])


@pytest.mark.usefixtures("lock")
def test_a_lock_without_their_sources_is_named_with_the_cure() -> None:
    none = replace(_LOCK, sources=(_DEPLOYED,))
    Path("osa-aio-metal.lock.yaml").write_text(none.text())
    with pytest.raises(ProfileError, match=r"osa-aio-metal\.lock\.yaml: has no sources") as no:
        make_plan(load_profile("osa-aio-metal"))
    assert no.value.details == ("barbican: https://opendev.org/openstack/barbican",)
    assert "`aio-image lock osa-aio-metal`" in no.value.hint
    # Left out on purpose, it is not carried.
    left = LeftOut("barbican", "addition", "https://opendev.org/openstack/barbican", "c" * 40)
    Path("osa-aio-metal.lock.yaml").write_text(replace(none, left_out=(left,)).text())
    plan = make_plan(load_profile("osa-aio-metal"))
    assert "carry" not in [step.name for step in plan.steps]


@pytest.mark.usefixtures("lock")
def test_what_the_scenario_has_is_not_carried_besides() -> None:
    loaded = load_profile("osa-aio-metal", ["scenario=aio_metal_barbican"])
    assert loaded.additions == ()
    assert "additions" not in [step.name for step in make_plan(loaded).steps]


@pytest.mark.usefixtures("lock")
def test_a_staged_image_with_containers_is_tried_by_what_a_deployed_one_is_made_of() -> None:
    plan = make_plan(load_profile("osa-aio-lxc-staged"))
    deployed = make_plan(load_profile("osa-aio-lxc"))
    plain = make_plan(load_profile("osa-aio-metal-staged"))
    assert [step.name for step in plan.steps] == [step.name for step in plain.steps]
    for step in plan.steps[:7]:
        assert step.key == deployed.step(step.name).key, step.name
    own = ("bootstrap", "stores", "stage", "bake")
    for step in plan.steps:
        assert (step.code != plain.step(step.name).code) == (step.name in own), step.name
    # Where containers will be is found in what was tried, before there is any.
    assert "stores" in plan.step("bake").needs
    assert plan.step("bake").layers == ("root", "sources", "runtime", "stage")


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize("name", ["osa-aio-lxc-barbican-ceph-ovs"])
def test_a_scenario_that_no_table_covers_ends_with_the_deployed_tree(name: str) -> None:
    plan = make_plan(load_profile(name))
    assert plan.targets == ("setup_openstack",)


@pytest.mark.usefixtures("lock")
def test_only_a_scenario_with_containers_depends_on_what_they_take() -> None:
    nested = make_plan(load_profile("osa-aio-lxc"))
    plain = make_plan(load_profile("osa-aio-metal"))
    table = "aio_image/deployers/openstack_ansible/containers.yaml"
    deployed = plain.steps[:7]
    assert [step.name for step in nested.steps[:7]] == [step.name for step in deployed]
    for mine, its in zip(nested.steps, deployed, strict=False):
        has = {each.label for each in mine.inputs}
        assert (table in has) == (mine.name == "bootstrap"), mine.name
        assert table not in {each.label for each in its.inputs}
        assert (mine.code == its.code) == (mine.name != "bootstrap"), mine.name


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
    Path(f"{name}.lock.yaml").write_text(_LOCK.text())
    step = make_plan(load_profile(name)).step("root")
    assert [key for key in step.settings if key.startswith("mirrors.")] == [mirror]
    distribution = step.settings["system.distribution"]
    known = systems.load(distribution)
    assert step.settings["packages"] == list(known.packages_of(step.settings["system.release"]))
    labels = {each.label for each in step.inputs}
    assert any(label.startswith(f"elements/{element}/") for label in labels)
    assert f"aio_image/systems/{distribution}.yaml" in labels


@pytest.mark.usefixtures("lock")
@pytest.mark.parametrize(
    ("names", "elements"),
    [
        (
            ("debian-aio", "osa-aio-metal", "osa-aio-metal-bookworm", "osa-aio-metal-noble"),
            ["aio-image-disk", "aio-image-efi", "aio-image-grub"],
        ),
        (
            ("osa-aio-metal-centos10", "osa-aio-metal-rocky10"),
            ["aio-image-disk", "aio-image-efi-redhat", "aio-image-grub2"],
        ),
    ],
)
def test_an_image_has_its_systems_boot_loaders_and_no_others(
    names: tuple[str, ...], elements: list[str]
) -> None:
    for name in names:
        step = make_plan(load_profile(name)).step("image")
        assert step.settings["image_elements"] == elements
        labels = {each.label for each in step.inputs if each.label.startswith("elements/")}
        assert sorted({label.split("/")[1] for label in labels}) == elements
