"""What holds of every deployer's tables, whatever it is made of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from aio_image import bake, deployers
from aio_image.appliance.layout import Layout
from aio_image.appliance.recovery import engine
from aio_image.deployers import DeployerFacts
from aio_image.paths import resource

ROLES = {path.name for path in (resource("playbooks") / "roles").iterdir()}


@pytest.fixture(params=deployers.names())
def facts(request: pytest.FixtureRequest) -> DeployerFacts:
    return deployers.load(request.param)


def units_of(facts: DeployerFacts) -> set[str]:
    return {unit for service in facts.services for unit in service.units}


def test_tables_name_services_that_are_there(facts: DeployerFacts) -> None:
    names = {service.name for service in facts.services}
    assert set(facts.scenario.services) <= names
    assert {one for brought in facts.scenario.words.values() for one in brought} <= names
    assert {secret.service for secret in facts.secrets} <= names
    assert {service for secret in facts.secrets for service in secret.also} <= names
    assert {row["service"] for row in facts.recovery} <= names
    rows = [
        *facts.settle["public"],
        *facts.settle["hypervisor"],
        *facts.settle["overrides"].values(),
    ]
    assert {row["service"] for row in rows} <= names
    told = {unit for row in rows for unit in (*row.get("restart", ()), *row.get("reload", ()))}
    # Started when an instance asks, and so nobody waits for it.
    assert told - units_of(facts) <= {"nova-api-metadata.service"}


def test_its_recipe_is_of_roles_and_units_that_are_there(facts: DeployerFacts) -> None:
    every = [service.name for service in facts.services]
    assert set(facts.recipe.roles_of(every)) <= ROLES
    assert set(facts.recipe.units["early"]) <= units_of(facts)
    assert not set(facts.recipe.units["unwanted"]) & units_of(facts)


def test_no_socket_waits_for_personalise(facts: DeployerFacts) -> None:
    """It comes before sockets.target, and personalise after: systemd would break the cycle."""
    sockets = {unit for unit in units_of(facts) if unit.endswith(".socket")}
    assert sockets <= set(facts.recipe.units["early"])


def test_what_recovers_is_known(facts: DeployerFacts, tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.recovery.parent.mkdir(parents=True)
    names = [service.name for service in facts.services]
    layout.recovery.write_text(json.dumps(facts.recovery_of(names)))
    rows = engine.parts(layout)
    assert rows[-1] == {"kind": "units"}
    known = units_of(facts) | {"ovs-vswitchd.service"}
    assert {unit for row in rows for unit in row.get("restart", ())} <= known
    assert {row["unit"] for row in rows if "unit" in row} <= known


def test_a_rebuild_takes_an_owners_settings_along(facts: DeployerFacts) -> None:
    """What is a drop-in is put back with its service, and the next boot settles it again."""
    rules = yaml.safe_load((Path(bake.__file__).parent / "pristine.yaml").read_text("utf-8"))
    cloud = rules[facts.name]["cloud"]
    for row in facts.settle["overrides"].values():
        assert any(row["path"].startswith(f"{place}/") for place in cloud), row["path"]


def test_the_owners_variables_are_read_after_the_images_and_before_the_public_host() -> None:
    settle = deployers.load("openstack-ansible").settle
    path = settle["variables"]["path"]
    (public,) = [
        row["path"] for row in settle["public"] if "openstack_deploy" in row.get("path", "")
    ]
    templates = (
        resource("playbooks") / "roles/openstack_ansible/templates/tree/etc/openstack_deploy"
    )
    image = [f"{Path(path).parent}/{one.name.removesuffix('.j2')}" for one in templates.iterdir()]
    places = [*settle["variables"]["beneath"], *image]
    assert {Path(one).match("/etc/openstack_deploy/user_*.yml") for one in [path, *places]} == {
        True
    }
    assert sorted({path, public, *places})[-2:] == [path, public]
    assert set(image) <= set(settle["variables"]["beneath"])


def test_every_word_of_the_default_scenario_is_covered() -> None:
    words = {"aio", "metal", "source", "haproxy", "repo", "utility", "keystone", "nova"}
    facts = deployers.load("openstack-ansible")
    assert facts.covers(words)
    assert facts.covers({*words, "lxc"} - {"metal"})
    assert not facts.covers({*words, "octavia"})


@pytest.mark.parametrize(
    ("word", "database", "more"),
    [
        ("barbican", "galera", ["oslomsg_rpc_password", "simple_crypto_key"]),
        (
            "heat",
            "container_mysql",
            ["auth_encryption_key", "oslomsg_rpc_password", "stack_domain_admin_password"],
        ),
    ],
)
def test_a_word_brings_its_service_and_where_its_secrets_are(
    word: str, database: str, more: list[str]
) -> None:
    facts = deployers.load("openstack-ansible")
    services = facts.services_of(["aio", "nova", word])
    assert word in services
    conf = f"/etc/{word}/{word}.conf"

    def spelled(services: tuple[str, ...]) -> set[str]:
        return {one.name for one in facts.secrets_of(services) if conf in one.files}

    kept = {f"{word}_{name}" for name in (f"{database}_password", "service_password", *more)}
    assert spelled(services) == kept
    assert spelled((*services, "keystone")) == {*kept, "memcached_encryption_key"}
    without = tuple(name for name in services if name != word)
    assert spelled((*without, "keystone")) == set()
    # They are in user_secrets.yml all the same.
    assert kept <= {one.name for one in facts.secrets_of(without)}
    rows = {one.name: one for one in facts.secrets_of(services)}
    assert rows[f"{word}_{database}_password"].mariadb == (f"{word}@%",)
    assert rows[f"{word}_service_password"].keystone == (f"{word}@default",)
    assert rows[f"{word}_oslomsg_rpc_password"].rabbitmq == (word,)
