"""The ledger is the deployer's table, and disagrees with a tree in both directions."""

from __future__ import annotations

import json
from pathlib import Path

from aio_image import deployers
from aio_image.appliance import ledger as on_the_appliance
from aio_image.bake.canary import canary
from aio_image.bake.ledger import ENDPOINT_HOST, Ledger, disagreements
from aio_image.bake.scan import Finding

BAKE = "0123456789abcdef"
FACTS = deployers.load("debian")
LEDGER = Ledger.of("debian", BAKE, [service.name for service in FACTS.services])


def everything_in_place() -> list[Finding]:
    return [
        Finding(path, 0, canary(BAKE, row.name, row.length))
        for row in LEDGER.secrets
        for path in row.files
    ]


def test_the_appliance_reads_what_the_seal_writes(tmp_path: Path) -> None:
    path = tmp_path / "ledger.json"
    path.write_text(LEDGER.text())
    read = on_the_appliance.load(path)
    assert read.bake_id == BAKE
    assert read.endpoint_host == ENDPOINT_HOST
    assert set(read.secrets) == {row.name for row in LEDGER.secrets}
    assert "aioCanary" not in path.read_text()


def test_only_the_secrets_of_the_services_that_were_baked() -> None:
    few = json.loads(Ledger.of("debian", BAKE, ["keystone", "mariadb"]).text())
    assert {row["name"] for row in few["secrets"]} == {
        row.name for row in FACTS.secrets if row.service in {"keystone", "mariadb"}
    }


def test_agreement_is_silent() -> None:
    assert disagreements(LEDGER, everything_in_place()) == []


def test_a_file_without_its_canary_is_named() -> None:
    first, *others = everything_in_place()
    (problem,) = disagreements(LEDGER, others)
    assert problem.startswith(f"{first.path}: the ledger says it holds ")


def test_a_canary_in_a_file_the_ledger_does_not_name() -> None:
    secret = LEDGER.secrets[0]
    stray = Finding("/var/log/apt/term.log", 77, canary(BAKE, secret.name, secret.length))
    (problem,) = disagreements(LEDGER, [*everything_in_place(), stray])
    assert problem == f"/var/log/apt/term.log (byte 77): holds {secret.name}, but not by the ledger"


def test_a_canary_of_another_bake() -> None:
    stray = Finding("/etc/old.conf", 5, canary("f" * 16, LEDGER.secrets[0].name, 40))
    (problem,) = disagreements(LEDGER, [*everything_in_place(), stray])
    assert problem == "/etc/old.conf (byte 5): a canary of no secret in the ledger"


def test_a_canary_with_letters_after_it_is_still_known() -> None:
    found = [Finding(each.path, 0, each.text + "abc") for each in everything_in_place()]
    assert disagreements(LEDGER, found) == []


def test_a_file_behind_a_link_is_where_it_really_is() -> None:
    def moved(path: str) -> str:
        return path.replace("/etc/nova/", "/openstack/venvs/nova/etc/nova/")

    found = [Finding(moved(one.path), 0, one.text) for one in everything_in_place()]
    assert disagreements(LEDGER, found, moved) == []
    assert disagreements(LEDGER, found) != []
