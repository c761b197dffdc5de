"""What `aio recover` reads and decides, as far as no program is needed for it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aio_image import deployers
from aio_image.appliance import units
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


BROKER = {
    "kind": "rabbitmq",
    "unit": "x.service",
    "data": "/var/lib/rabbitmq/mnesia",
    "definitions": "/etc/rabbitmq/definitions.json",
}


class Broker:
    """RabbitMQ with its tables: ``starts`` says whether each start works, by what is there."""

    def __init__(self, image: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
        self.data = image.at(BROKER["data"])
        (self.data / "rabbit@aio1").mkdir(parents=True)
        self.whole = self.data.with_name(".aio-whole")
        self.whole.touch()
        image.at(BROKER["definitions"]).parent.mkdir(parents=True)
        image.at(BROKER["definitions"]).write_text("{}")
        self.state, self.tries = "failed (failed)", 0
        self.starts: Callable[[], str] = lambda: "active (running)"
        monkeypatch.setattr(rabbitmq, "stop", lambda _: self.become("inactive (dead)"))
        monkeypatch.setattr(rabbitmq, "start", self.start)
        monkeypatch.setattr(rabbitmq, "ask", lambda *_, **__: (self.answer(), ""))
        monkeypatch.setattr(rabbitmq.time, "sleep", lambda _: None)
        monkeypatch.setattr(rabbitmq.units, "show", self.show)
        monkeypatch.setattr(rabbitmq.units, "last_words", lambda _: "schema_integrity_check")

    def become(self, state: str) -> None:
        self.state = state

    def start(self, _: str, seconds: float) -> None:
        assert seconds > 1800, "its unit's own time"
        state = self.starts()
        (self.data / "rabbit@new").mkdir(parents=True, exist_ok=True)
        self.become(state)
        if "failed" in state or "auto-" in state:
            raise ApplianceProblem("systemctl start: exit 1")

    def answer(self) -> int:
        return 0 if self.state == "active (running)" else 1

    def show(self, _: list[str]) -> dict[str, units.Unit]:
        failed = self.state.startswith("failed")
        return {"x.service": units.Unit("x.service", True, False, failed, self.state, 0.0,
                                        tries=self.tries)}  # fmt: skip

    def aside(self) -> list[Path]:
        return [path for path in self.data.parent.glob("mnesia.broken-*") if path.is_dir()]


@pytest.fixture
def broker(image: Layout, monkeypatch: pytest.MonkeyPatch) -> Broker:
    return Broker(image, monkeypatch)


def test_a_broker_whose_tables_are_damaged_begins_anew(image: Layout, broker: Broker) -> None:
    broker.starts = lambda: (
        "activating (auto-restart)"
        if (broker.data / "rabbit@aio1").exists()
        else "active (running)"
    )
    (found,) = rabbitmq.examine(BROKER, image)
    assert "/var/lib/rabbitmq/mnesia.broken-" in found.cure and found.mend is not None
    found.mend()
    (aside,) = broker.aside()
    assert (aside / "rabbit@aio1").is_dir() and not (broker.data / "rabbit@aio1").exists()
    assert not broker.whole.exists(), "the start that makes new tables is a first one"


def test_tables_that_are_not_to_blame_are_put_back(image: Layout, broker: Broker) -> None:
    """A full disk, a port that is taken: it does not start without them either."""
    broker.starts = lambda: "failed (failed)"
    (found,) = rabbitmq.examine(BROKER, image)
    assert found.mend is not None
    for _ in range(2):
        with pytest.raises(ApplianceProblem):
            found.mend()
        assert (broker.data / "rabbit@aio1").is_dir()
        assert broker.aside() == []
        assert broker.whole.exists(), "else the next start throws them away"


def test_a_broker_that_only_takes_its_time_keeps_its_tables(
    image: Layout, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rabbitmq, "_ANSWER_SECONDS", -1)
    broker.starts = lambda: "active (slow)"
    (found,) = rabbitmq.examine(BROKER, image)
    assert found.mend is not None
    with pytest.raises(ApplianceProblem, match="does not start"):
        found.mend()
    assert (broker.data / "rabbit@aio1").is_dir() and broker.aside() == []


def test_without_definitions_the_broker_keeps_its_tables(image: Layout, broker: Broker) -> None:
    """A staged image's users are the playbooks' alone."""
    image.at(BROKER["definitions"]).unlink()
    broker.starts = lambda: "failed (failed)"
    (found,) = rabbitmq.examine(BROKER, image)
    assert found.cure == "restart it" and found.mend is not None
    with pytest.raises(ApplianceProblem):
        found.mend()
    assert (broker.data / "rabbit@aio1").is_dir() and broker.aside() == []


def test_a_start_is_waited_for_and_one_that_failed_is_not(image: Layout, broker: Broker) -> None:
    broker.become("activating (start)")
    asked: list[str] = []

    def answer() -> int:
        asked.append(broker.state)
        if len(asked) == 3:
            broker.become("active (running)")
        return 0 if len(asked) > 3 else 1

    broker.answer = answer  # type: ignore[method-assign]
    assert rabbitmq.examine(BROKER, image) == []
    assert len(asked) == 4
    broker.become("activating (start)")
    broker.tries = 1
    assert len(rabbitmq.examine(BROKER, image)) == 1
    assert len(asked) == 4


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
