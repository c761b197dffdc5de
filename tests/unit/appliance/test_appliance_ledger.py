"""Canaries become secrets in place; what does not fit the ledger is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from aio_image.appliance import ledger
from aio_image.appliance.layout import Layout
from aio_image.appliance.problems import ApplianceProblem
from tests.unit.appliance.small_image import BAKE_ID, SECRETS, canary_of

VALUES = {name: name[0].upper() * int(entry.get("length", 40)) for name, entry in SECRETS.items()}


def test_a_canary_is_what_the_architecture_says() -> None:
    # Worked out by hand: sha256sum, base32, lower case, cut.
    made = ledger.canary(BAKE_ID, "nova_service_password", 40)
    assert made.startswith(ledger.PREFIX)
    assert len(made) == 40
    assert ledger.canary(BAKE_ID, "nova_service_password", 32) == made[:32]


def test_every_place_is_written_in_the_same_blocks(image: Layout) -> None:
    known = ledger.load(image.ledger)
    path = image.at("/etc/nova/nova.conf")
    inode, size = path.stat().st_ino, path.stat().st_size
    assert ledger.replace_canaries(image, known, VALUES) == 6
    text = path.read_text()
    assert text.count("N" * 40) == 3
    assert (path.stat().st_ino, path.stat().st_size) == (inode, size)
    assert path.stat().st_mode & 0o777 == 0o640
    assert ledger.replace_canaries(image, known, VALUES) == 0


def test_a_chosen_secret_of_another_length_leaves_no_canary_behind(image: Layout) -> None:
    path = image.at("/root/openrc")
    before = os.open(path, os.O_RDONLY)  # the old blocks, as a scan of the disk would see them
    values = VALUES | {"keystone_auth_admin_password": "short-one"}
    ledger.replace_canaries(image, ledger.load(image.ledger), values)
    assert path.read_text() == "export OS_PASSWORD=short-one\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert ledger.PREFIX not in os.pread(before, 4096, 0)
    os.close(before)
    assert [entry.name for entry in path.parent.iterdir()] == ["openrc"]


@pytest.mark.parametrize("at", [1, 17, 39])
@pytest.mark.parametrize("new_first", [True, False])
def test_a_torn_write_is_completed(image: Layout, at: int, new_first: bool) -> None:
    path = image.at("/root/openrc")
    old, new = canary_of("keystone_auth_admin_password"), VALUES["keystone_auth_admin_password"]
    torn = new[:at] + old[at:] if new_first else old[:at] + new[at:]
    path.write_text(path.read_text().replace(old, torn))
    ledger.replace_canaries(image, ledger.load(image.ledger), VALUES)
    assert path.read_text() == f"export OS_PASSWORD={new}\n"


def test_all_that_does_not_fit_is_said_at_once(image: Layout) -> None:
    image.at("/root/openrc").unlink()
    image.at("/etc/neutron/neutron.conf").write_text("[nova]\npassword = other\n")
    with pytest.raises(ApplianceProblem) as caught:
        ledger.replace_canaries(image, ledger.load(image.ledger), VALUES)
    assert caught.value.details == (
        "/root/openrc: not there",
        "/etc/neutron/neutron.conf: has no place for nova_service_password",
        "/etc/neutron/neutron.conf: has no place for memcache_key",
    )


def test_a_canary_the_ledger_does_not_name_is_found(image: Layout) -> None:
    path = image.at("/etc/nova/nova.conf")
    path.write_text(path.read_text() + f"stray = {canary_of('memcache_key')}\n")
    with pytest.raises(ApplianceProblem, match="does not name"):
        ledger.replace_canaries(image, ledger.load(image.ledger), VALUES)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2}', "{"])
def test_a_damaged_ledger_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ledger.json"
    path.write_text(content)
    with pytest.raises(ApplianceProblem, match=r"ledger\.json"):
        ledger.load(path)


def test_an_image_without_ledger(tmp_path: Path) -> None:
    with pytest.raises(ApplianceProblem, match="not there"):
        ledger.load(tmp_path / "ledger.json")


def test_the_image_of_these_tests_is_sound(image: Layout) -> None:
    assert {entry["name"] for entry in json.loads(image.ledger.read_text())["secrets"]} == set(
        SECRETS
    )
