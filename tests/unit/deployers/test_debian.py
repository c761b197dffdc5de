"""The tables of the debian deployer agree with each other and with what the playbooks write."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

from aio_image import deployers
from aio_image.deployers import Service
from aio_image.paths import resource
from tests.unit.deployers.conftest import ENDPOINT_HOST, Recipe

PLAYBOOKS = resource("playbooks")
OURS = "/etc/systemd/system/"


def test_every_service_has_packages_and_a_role(recipe: Recipe) -> None:
    names = {service.name for service in recipe.facts.services}
    packages = deployers.packages("debian")
    assert packages is not None
    assert set(packages.services) == names
    assert names <= {role.name for role in (PLAYBOOKS / "roles").iterdir()}


def test_every_service_is_a_host_of_the_inventory(recipe: Recipe) -> None:
    children = yaml.safe_load((PLAYBOOKS / "inventory.yml").read_text())["all"]["children"]
    hosts = {host for group in children.values() for host in group["hosts"]}
    assert {service.name for service in recipe.facts.services} <= hosts
    assert hosts <= {role.name for role in (PLAYBOOKS / "roles").iterdir()}


def test_words_bring_known_services(recipe: Recipe) -> None:
    names = {service.name for service in recipe.facts.services}
    scenario = recipe.facts.scenario
    assert {each for brought in scenario.words.values() for each in brought} <= names
    assert set(scenario.services) <= names
    assert set(scenario.required) <= set(scenario.words)


def test_services_come_in_start_order(recipe: Recipe) -> None:
    assert recipe.services.index("mariadb") < recipe.services.index("keystone")
    assert recipe.services.index("keystone") < recipe.services.index("horizon")


def test_ports_are_nobody_elses(recipe: Recipe) -> None:
    probes = [probe for service in recipe.facts.services for probe in service.probes]
    public = [probe.port for probe in probes if probe.port]
    inside = [probe.url.split("/")[2] for probe in probes]
    assert len(set(public)) == len(public)
    assert len(set(inside)) == len(inside)


def test_public_port_and_backend_belong_together(recipe: Recipe) -> None:
    for service in recipe.facts.services:
        if service.api:
            assert service.api.backend == service.api.port + 10000, service.name


def test_canaries_are_exactly_where_the_ledger_says(recipe: Recipe) -> None:
    wanted = {
        (secret.name, file)
        for secret in recipe.facts.secrets_of(recipe.installed)
        for file in secret.files
    }
    found = {
        (name, place)
        for place, text in recipe.files.items()
        for name, value in recipe.secrets.items()
        if value in text
    }
    assert found == wanted


def test_secrets_are_not_for_everybody_to_read(recipe: Recipe) -> None:
    """A file with a secret has a rule of its own with a mode that leaves others out."""
    tasks = "\n".join(file.read_text() for file in PLAYBOOKS.glob("roles/*/tasks/main.yml"))
    rules = re.findall(r"\{path: \"?([^,\"}]+)\"?,[^}]*mode: \"(\d+)\"", tasks)
    closed = [path for path, mode in rules if mode.endswith("0")]
    for secret in recipe.facts.secrets:
        for file in secret.files:
            assert any(Path(file).match(path) for path in closed), file


def test_the_public_host_is_nowhere_but_in_the_database(recipe: Recipe) -> None:
    naming = [place for place, text in recipe.files.items() if ENDPOINT_HOST in text]
    assert naming == []


def test_apis_listen_where_the_table_says(recipe: Recipe) -> None:
    listening = {
        int(port)
        for place, text in recipe.files.items()
        if place.endswith("-uwsgi.ini")
        for port in re.findall(r"^http-socket = 127\.0\.0\.1:(\d+)$", text, re.MULTILINE)
    }
    wanted = {service.api.backend for service in recipe.facts.services if service.api}
    assert wanted <= listening


def test_haproxy_offers_every_public_port(recipe: Recipe) -> None:
    """In haproxy.cfg those of every cloud; each optional service's in a file of its own."""

    def bound(file: str) -> set[int]:
        text = recipe.files[f"/etc/haproxy/{file}"]
        return {int(port) for port in re.findall(r"^ +bind :::(\d+) v4v6 ssl", text, re.MULTILINE)}

    def ports(services: Iterable[Service]) -> set[int]:
        return {probe.port for row in services for probe in row.probes if probe.port}

    optional = [service for service in recipe.facts.services if service.optional]
    assert bound("haproxy.cfg") == ports(set(recipe.facts.services) - set(optional))
    for service in optional:
        assert bound(f"optional/{service.name}.cfg") == ports([service])


@pytest.mark.parametrize("ending", [".conf", ".ini", ".service", ".cnf", ".network"])
def test_settings_are_well_formed(recipe: Recipe, ending: str) -> None:
    """No section twice, nothing left unrendered."""
    checked = 0
    for place, text in recipe.files.items():
        assert "{{" not in text, place
        assert "{%" not in text, place
        if place.endswith(ending) and re.search(r"^\[", text, re.MULTILINE):
            parser = configparser.ConfigParser(
                strict=not place.startswith("/etc/systemd/"),  # there a name may be repeated
                interpolation=None,
                allow_no_value=True,
                comment_prefixes=("#",),
            )
            parser.read_string(text, place)
            checked += 1
    assert checked


def test_the_broker_knows_who_the_services_say_they_are(recipe: Recipe) -> None:
    users = json.loads(recipe.files["/etc/rabbitmq/definitions.json"])["users"]
    wanted = {
        (user, recipe.secrets[secret.name])
        for secret in recipe.facts.secrets_of(recipe.installed)
        for user in secret.rabbitmq
    }
    assert {(user["name"], user["password"]) for user in users} == wanted


def test_what_the_broker_forgets_is_not_worth_keeping(recipe: Recipe) -> None:
    """It throws its files away at each start: no service may have queues that outlast it."""
    unit = recipe.files["/etc/systemd/system/rabbitmq-server.service.d/10-aio.conf"]
    assert "\nExecStartPre=+/usr/bin/rm -rf /var/lib/rabbitmq/mnesia\n" in unit
    lasting = re.compile(r"^\s*(rabbit_quorum_queue|amqp_durable_queues)\s*=(?!\s*false)", re.M)
    users = [path for path, text in recipe.files.items() if "[oslo_messaging_rabbit]" in text]
    assert users
    assert not [path for path in users if lasting.search(recipe.files[path])]


def test_the_appliance_reads_the_table(recipe: Recipe) -> None:
    told = json.loads(recipe.files["/usr/share/aio/services.json"])
    assert [row["name"] for row in told["services"]] == list(recipe.services)
    assert [row["name"] for row in told["dormant"]] == ["barbican", "heat"]
    assert told["format"] == 1


def test_our_units_are_in_the_table(recipe: Recipe) -> None:
    """What we write as a unit is what the table says runs, or waits for personalise too."""
    known = {unit for service in recipe.facts.services for unit in service.units}
    known |= {*recipe.facts.recipe.units["guarded"], "aio-emulated.service"}
    written = {
        Path(place).name
        for place in recipe.files
        if re.match(OURS + r"[^/]+\.(service|socket|timer)$", place)
    }
    assert written <= known


def test_early_units_are_known(recipe: Recipe) -> None:
    units = {unit for service in recipe.facts.services for unit in service.units}
    assert set(recipe.facts.recipe.units["early"]) <= units


def test_roles_of_the_recipe_are_there(recipe: Recipe) -> None:
    every = recipe.facts.recipe.roles_of(recipe.installed)
    assert set(every) <= {role.name for role in (PLAYBOOKS / "roles").iterdir()}
    assert {"appliance", "system", "content", *recipe.installed} == set(every)


def test_a_file_is_written_by_one_role(recipe: Recipe) -> None:
    roles = recipe.facts.recipe.roles_of(recipe.installed)
    trees = [PLAYBOOKS / "roles" / role / "templates/tree" for role in roles]
    places = [
        str(path.relative_to(tree)).removesuffix(".j2")
        for tree in trees
        for path in tree.rglob("*")
        if path.is_file()
    ]
    assert len(set(places)) == len(places)


def test_names_and_a_deployer_that_is_not() -> None:
    assert "debian" in deployers.names()
    with pytest.raises(KeyError):
        deployers.load("hand-made")
