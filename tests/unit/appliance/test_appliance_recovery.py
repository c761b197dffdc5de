"""What `aio recover` reads and decides, as far as no program is needed for it."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from aio_image import deployers
from aio_image.appliance.layout import Layout
from aio_image.appliance.problems import ApplianceProblem
from aio_image.appliance.recovery import engine, galera, keys, mariadb, model, rabbitmq
from aio_image.appliance.recovery.galera import Position

ONE, OTHER = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
NOBODY = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    ("positions", "first"),
    [
        ({"a": (ONE, 7, False), "b": (ONE, 9, False), "c": (ONE, 8, True)}, "b"),
        ({"a": (ONE, 9, False), "b": (ONE, 9, True)}, "b"),
        ({"a": (ONE, -1, False), "b": (ONE, 3, False)}, "b"),
        ({"a": (NOBODY, -1, True), "b": (ONE, -1, False)}, "b"),
        ({"a": (ONE, 4, False)}, "a"),
    ],
)
def test_who_founds_the_cluster(positions: dict[str, Any], first: str) -> None:
    assert galera.choose({name: Position(*one) for name, one in positions.items()}) == first


def test_different_histories_are_for_a_person() -> None:
    with pytest.raises(ApplianceProblem, match="different histories") as raised:
        galera.choose({"a": Position(ONE, 5, True), "b": Position(OTHER, 9, True)})
    assert "galera_new_cluster" in raised.value.hint
    with pytest.raises(ApplianceProblem, match="no member knows"):
        galera.choose({"a": Position(NOBODY, -1, True)})


def test_a_position_is_grastates_when_it_knows(tmp_path: Path) -> None:
    server = mariadb.Server("mariadb.service", "", {"datadir": str(tmp_path)})
    (tmp_path / "grastate.dat").write_text(
        f"# GALERA saved state\nversion: 2.1\nuuid:    {ONE}\nseqno:   42\nsafe_to_bootstrap: 1\n"
    )
    assert galera.position(server) == Position(ONE, 42, True)


@pytest.mark.parametrize(
    ("said", "clustered"), [({}, False), ({"wsrep_on": "OFF"}, False), ({"wsrep_on": "on"}, True)]
)
def test_a_cluster_is_what_the_configuration_says(said: dict[str, str], clustered: bool) -> None:
    assert mariadb.Server("mariadb.service", "", said).clustered is clustered


def test_keys(image: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = image.at("/etc/keystone/fernet-keys")
    row = {"folder": "/etc/keystone/fernet-keys", "lost": "nothing", "restart": ["x.service"]}
    restarted: list[str] = []
    monkeypatch.setattr(keys, "restart", lambda *units: restarted.extend(units))

    def wrong() -> str:
        return "".join(finding.what for finding in keys.examine(row, image))

    assert wrong() == "holds no key"
    folder.mkdir(parents=True)
    (folder / "0").write_bytes(base64.urlsafe_b64encode(bytes(32)))
    assert wrong() == ""
    (folder / "1").write_bytes(b"\0" * 44)
    assert wrong() == "key 1 is damaged"
    mend = keys.examine(row, image)[0].mend
    assert mend is not None
    mend()
    assert wrong() == "" and restarted == ["x.service"]
    assert not image.at("/etc/keystone/credential-keys").exists(), "the other repository stays"


def test_the_deployers_table_is_one_the_appliance_knows(image: Layout) -> None:
    facts = deployers.load("debian")
    names = [service.name for service in facts.services]
    image.recovery.write_text(json.dumps(facts.recovery_of(names)))
    rows = engine.parts(image)
    assert rows[-1] == {"kind": "units"}, "last: whatever is left"
    units = {unit for service in facts.services for unit in service.units}
    asked = [row["unit"] for row in rows if "unit" in row]
    asked += [unit for row in rows for unit in row.get("restart", ())]
    assert set(asked) <= units | {"ovs-vswitchd.service"}
    few = facts.recovery_of(["mariadb", "client"])["parts"]
    assert [row["kind"] for row in few] == ["mariadb", "units"]


@pytest.mark.parametrize(
    ("text", "says"), [(None, "not there"), ("{", "damaged"), ('{"format": 1}', "damaged"),
                       ('{"format": 1, "parts": [{"kind": "dragon"}]}', "dragon")]
)  # fmt: skip
def test_a_table_that_cannot_be_used(image: Layout, text: str | None, says: str) -> None:
    if text is not None:
        image.recovery.write_text(text)
    with pytest.raises(ApplianceProblem, match=says):
        engine.parts(image)


def test_a_broker_whose_tables_are_damaged_begins_anew(
    image: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = image.at("/var/lib/rabbitmq/mnesia")
    (data / "rabbit@aio1").mkdir(parents=True)
    data.with_name("mnesia.broken").mkdir()
    told: list[str] = []
    monkeypatch.setattr(rabbitmq, "stop", lambda unit: told.append(f"stop {unit}"))
    monkeypatch.setattr(rabbitmq, "start", lambda unit: told.append(f"start {unit}"))
    monkeypatch.setattr(rabbitmq, "active", lambda _: True)
    monkeypatch.setattr(rabbitmq, "_runs", lambda _: told.count("start x.service") > 1)
    monkeypatch.setattr(rabbitmq.units, "last_words", lambda _: "schema_integrity_check_failed")
    row = {"kind": "rabbitmq", "unit": "x.service", "data": "/var/lib/rabbitmq/mnesia"}
    (found,) = rabbitmq.examine(row, image)
    assert "/var/lib/rabbitmq/mnesia.broken" in found.cure and found.mend is not None
    found.mend()
    assert told == ["stop x.service", "start x.service"] * 2
    assert not data.exists()
    assert (data.with_name("mnesia.broken") / "rabbit@aio1").is_dir()


def test_programs_that_are_not_there_or_do_not_end() -> None:
    assert model.ask("no-such-program")[0] == 127
    assert model.ask("sleep", "9", seconds=0.1)[0] == 124
    with pytest.raises(ApplianceProblem, match=r"sh -c .*: said last"):
        model.do("sh", "-c", "echo said last >&2; exit 3")


def test_what_does_not_help_is_told_and_the_rest_goes_on(
    image: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def fails() -> None:
        raise ApplianceProblem("still broken", hint="call somebody")

    parts = {
        "first": model.Finding("first", "broken", "try", fails),
        "second": model.Finding("second", "lost", "aio rebuild", None),
        "third": model.Finding("third", "down", "restart", lambda: done.append("third")),
    }
    monkeypatch.setattr(
        engine, "_KINDS", {name: lambda row, _: [parts[row["kind"]]] for name in parts}
    )
    told: list[str] = []
    count, left = engine.mend(image, [{"kind": name} for name in parts], told.append)
    assert count == 3 and done == ["third"]
    assert left == ["first: still broken; call somebody", "second: lost; aio rebuild"]
    assert "  did not help: still broken" in told
