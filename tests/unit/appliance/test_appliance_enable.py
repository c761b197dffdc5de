"""Optional services on files, a keystone that answers as told, and a systemctl that notes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from aio_image import deployers
from aio_image.appliance import catalogue, enable, optional, services
from aio_image.appliance.cli import main
from aio_image.appliance.commands.enable import listing
from aio_image.appliance.layout import Layout
from aio_image.appliance.optional import Change
from aio_image.appliance.problems import ApplianceProblem

RUNNING = ("mariadb", "haproxy", "keystone", "client")
MEMORY = "MemTotal:       8000000 kB\nMemAvailable:   {} kB\n"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A healthy appliance, as far as these commands look."""
    made = Layout(tmp_path)
    facts = deployers.load("debian")
    table = facts.dump(RUNNING, ("heat", "barbican"))
    for place, text in {
        "usr/share/aio/services.json": json.dumps(table),
        "run/aio/status.json": json.dumps({"state": "healthy"}),
        "proc/meminfo": MEMORY.format(2048 * 1024),
        "etc/openstack_deploy/user_secrets.yml": "heat_service_password: heats-own\n",
    }.items():
        made.at(place).parent.mkdir(parents=True, exist_ok=True)
        made.at(place).write_text(text)
    made.memory.mkdir(parents=True)
    return made


@pytest.fixture(autouse=True)
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file where a systemctl writes what it is told. Its units never become active."""
    told = tmp_path / "systemctl.told"
    program = tmp_path / "bin/systemctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$*" >>{told}\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return told


class Keystone:
    """``row`` is the service's; ``refuse`` is answered to whoever asks for a token."""

    def __init__(self) -> None:
        self.row: dict[str, Any] = {"id": "1f", "type": "orchestration", "enabled": False}
        self.status = 201
        self.asked: list[str] = []


@pytest.fixture
def keystone(layout: Layout) -> Iterator[Keystone]:
    known = Keystone()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            known.asked.append(f"{self.command} {self.path}")
            status, content = 200, {"services": [known.row]}
            if self.path.endswith("/tokens"):
                status, content = known.status, {}
                user = json.loads(body)["auth"]["identity"]["password"]["user"]
                assert (user["name"], user["password"]) == ("heat", "heats-own")
            elif self.command == "PATCH":
                known.row |= json.loads(body)["service"]
            self.send_response(status)
            self.send_header("X-Subject-Token", "t")
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        do_GET = do_POST = do_PATCH = _any

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    table = services.read(layout.services)
    row = next(one for one in table["services"] if one["name"] == "keystone")
    row["probes"][0]["url"] = f"http://127.0.0.1:{server.server_address[1]}/v3"
    layout.services.write_text(json.dumps(table))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield known
    server.shutdown()
    server.server_close()


def silent(_says: str) -> None:
    """Nobody listens."""


def refused(call: str, layout: Layout, name: str, **options: Any) -> ApplianceProblem:
    with pytest.raises(ApplianceProblem) as caught:
        getattr(enable, call)(layout, name, silent, **options)
    return caught.value


def test_what_runs_is_in_the_table_and_what_sleeps_is_not_waited_for(layout: Layout) -> None:
    assert "heat-engine.service" not in services.load(layout.services).units
    optional.record(layout, "heat", runs=True)
    optional.record(layout, "heat", runs=True)
    known = services.load(layout.services)
    assert known.units.count("heat-engine.service") == 1
    assert [one.public_port for one in known.probes if one.name == "heat"] == [8004]
    assert optional.find(layout, "heat").runs
    optional.record(layout, "heat", runs=False)
    assert "heat-engine.service" not in services.load(layout.services).units


def test_only_optional_services_are_found(layout: Layout) -> None:
    assert [one.name for one in optional.every(layout)] == ["barbican", "heat"]
    assert refused("enable", layout, "keystone").message == "keystone is part of every cloud"
    missing = refused("enable", layout, "swift")
    assert missing.message == "swift is not on this appliance"
    assert missing.hint == "services that can be enabled: barbican, heat"


def test_a_list_tells_state_and_interruption(layout: Layout) -> None:
    optional.record(layout, "barbican", runs=True)
    optional.begin(layout, Change("heat", runs=True))
    assert [line.split("(")[0].split() for line in listing(layout).splitlines()] == [
        ["barbican", "enabled", "Key", "manager"],
        ["heat", "interrupted;", "run:", "aio", "enable", "heat", "Orchestration"],
    ]


def test_nothing_is_begun_where_it_cannot_end_well(layout: Layout) -> None:
    layout.at("proc/meminfo").write_text(MEMORY.format(300 * 1024))
    short = refused("enable", layout, "heat")
    assert "and 300 MiB are free" in short.message
    assert "--force" in short.hint
    layout.status.write_text(json.dumps({"state": "working"}))
    assert refused("enable", layout, "heat").message == "the cloud is not healthy (working)"
    assert optional.changing(layout) is None


def test_who_was_interrupted_comes_first(layout: Layout) -> None:
    optional.begin(layout, Change("heat", runs=True))
    wrong = refused("enable", layout, "barbican")
    assert (wrong.message, wrong.hint) == ("heat is changed by half", "first: aio enable heat")


def test_what_does_not_start_is_taken_back(
    layout: Layout, systemctl: Path, keystone: Keystone
) -> None:
    wrong = refused("enable", layout, "heat")
    assert wrong.message.startswith("heat-api.service is ")
    assert systemctl.read_text().splitlines()[:3] == [
        "preset --quiet heat-api.service heat-engine.service",
        "reset-failed heat-api.service heat-engine.service",
        "start heat-api.service heat-engine.service",
    ]
    assert systemctl.read_text().splitlines()[-1] == "stop heat-engine.service heat-api.service"
    preset = layout.at(f"{enable.PRESETS}/05-aio-heat.preset").read_text()
    assert preset == "disable heat-api.service\ndisable heat-engine.service\n"
    assert keystone.row["enabled"] is False
    assert optional.changing(layout) is None
    assert not optional.find(layout, "heat").runs


def test_disabling_hides_closes_and_stops(
    layout: Layout, systemctl: Path, keystone: Keystone
) -> None:
    optional.record(layout, "heat", runs=True)
    keystone.row["enabled"] = True
    link = layout.at(f"{enable.HAPROXY}/heat.cfg")
    link.parent.mkdir(parents=True)
    link.symlink_to("../optional/heat.cfg")
    assert enable.disable(layout, "heat", silent)
    assert keystone.row["enabled"] is False
    assert not link.is_symlink()
    assert systemctl.read_text().splitlines() == [
        "reload haproxy.service",
        "preset --quiet heat-api.service heat-engine.service",
        "stop heat-engine.service heat-api.service",
    ]
    assert not enable.disable(layout, "heat", silent)


def test_a_cloud_that_is_not_healthy_is_watched_anew(
    layout: Layout, systemctl: Path, keystone: Keystone
) -> None:
    """The watcher knows what to wait for from its start."""
    optional.record(layout, "heat", runs=True)
    layout.status.write_text(json.dumps({"state": "failed"}))
    assert enable.disable(layout, "heat", silent)
    assert keystone.asked
    assert systemctl.read_text().splitlines()[-1] == "restart --no-block aio-ready.service"


def show(layout: Layout, *, enabled: bool) -> None:
    known = catalogue.Catalogue(services.load(layout.services))
    known.show("heat", "heats-own", "orchestration", enabled=enabled)


def test_keystone_is_asked_to_change_what_is_different_only(
    layout: Layout, keystone: Keystone
) -> None:
    show(layout, enabled=False)
    assert not any(line.startswith("PATCH") for line in keystone.asked)
    show(layout, enabled=True)
    assert keystone.asked[-1] == "PATCH /v3/services/1f"
    assert keystone.row["enabled"] is True


def test_keystone_may_refuse(layout: Layout, keystone: Keystone) -> None:
    keystone.status = 401
    with pytest.raises(ApplianceProblem, match=r"keystone gives heat no token \(401\)"):
        show(layout, enabled=True)


def test_nothing_to_resume(layout: Layout) -> None:
    assert not enable.resume(layout, silent)
    assert main(["enable", "--resume"], layout) == 0


def test_a_damaged_table_says_where(layout: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    layout.services.write_text('{"format": 1, "services": []}')
    assert main(["enable", "--list"], layout) == 1
    assert "services.json: damaged (KeyError: 'dormant')" in capsys.readouterr().err
