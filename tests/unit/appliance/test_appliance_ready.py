"""Watching a boot: real sockets and TLS for the APIs, systemctl's real words for the units."""

from __future__ import annotations

import http.server
import json
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aio_image.appliance import pki, probing, services, units
from aio_image.appliance.addresses import PublicHost
from aio_image.appliance.layout import Layout
from aio_image.appliance.probing import Answer, Prober
from aio_image.appliance.problems import ApplianceProblem
from aio_image.appliance.ready import OWN_UNIT, Watch
from aio_image.appliance.services import Probe, Services
from aio_image.appliance.status import Failure, Status
from aio_image.appliance.units import Unit
from tests.waiting import PATIENCE

# As `systemctl show` of systemd 257 prints it.
SHOWN = """\
Result=success
Id=mariadb.service
Names=mysql.service mysqld.service mariadb.service
LoadState=loaded
ActiveState=active
SubState=running
ActiveEnterTimestampMonotonic=12345678

Result=exit-code
Id=nova-compute.service
Names=nova-compute.service
LoadState=loaded
ActiveState=failed
SubState=failed
ActiveEnterTimestampMonotonic=0

Result=success
Id=nova-api.service
Names=nova-api.service
LoadState=loaded
ActiveState=activating
SubState=auto-restart
ActiveEnterTimestampMonotonic=9000000

Result=success
Id=no-such.service
Names=no-such.service
LoadState=not-found
ActiveState=inactive
SubState=dead
ActiveEnterTimestampMonotonic=0
"""


def test_what_systemctl_shows_is_understood() -> None:
    asked = ["mysql.service", "nova-compute.service", "nova-api.service", "no-such.service"]
    found = units.parse(asked, SHOWN)
    assert found["mysql.service"] == Unit(
        "mysql.service", True, True, False, "active (running)", 12.3
    )
    assert found["nova-compute.service"].failed
    retrying = found["nova-api.service"]
    assert (retrying.active, retrying.failed, retrying.since) == (False, False, 0.0)
    assert found["no-such.service"].failed
    assert found["no-such.service"].state == "not-found"


@pytest.mark.parametrize(
    ("state", "tries", "failed"),
    [("auto-restart", 0, True), ("auto-restart-queued", 0, True), ("start", 2, True),
     ("start", 0, False)],
)  # fmt: skip
def test_a_step_that_is_tried_again_has_failed(state: str, tries: int, failed: bool) -> None:
    """Until a try succeeds: a service that restarts is not told so, a missing disk is."""
    shown = (
        "Type=oneshot\nId=aio-storage.service\nNames=aio-storage.service\nLoadState=loaded\n"
        f"ActiveState=activating\nSubState={state}\nNRestarts={tries}\n"
    )
    (found,) = units.parse(["aio-storage.service"], shown).values()
    assert (found.failed, found.tries, found.active) == (failed, tries, False)
    later = shown.replace("activating", "active").replace(state, "exited")
    (found,) = units.parse(["aio-storage.service"], later).values()
    assert not found.failed


def test_each_new_try_is_asked_what_it_said() -> None:
    said = ["no disk", "not blank"]
    status = Status("services")
    tries = 0
    watch = Watch(
        Services(("a.service",), (), {}, "127.0.0.1", "/horizon/"),
        status,
        look=lambda names: {
            name: Unit(name, True, name == OWN_UNIT, name != OWN_UNIT, "", 0.0, 0.0, tries)
            for name in names
        },
        explain=lambda _: said.pop(0),
    )
    watch.units_seen()
    watch.units_seen()
    assert status.failures == [Failure("a.service", "no disk")]
    tries = 1
    watch.units_seen()
    assert status.failures == [Failure("a.service", "not blank")]


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl that prints what `listed` and `shown` hold, and notes what it was asked."""
    script = tmp_path / "systemctl"
    script.write_text(
        '#!/bin/sh\nfolder=${0%/*}\necho "$@" >>"$folder/asked"\n'
        '[ "$1" = list-units ] && exec cat "$folder/listed"\nexec cat "$folder/shown"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def test_only_a_unit_whose_state_changed_is_looked_at_closely(systemctl: Path) -> None:
    names = ["mariadb.service", "nova-api.service"]
    blocks = SHOWN.split("\n\n")

    def say(mariadb: str, shown: str) -> None:
        rows = [
            {"unit": "mariadb.service", "load": "loaded", "active": mariadb, "sub": "x"},
            {"unit": "nova-api.service", "load": "loaded", "active": "activating", "sub": "x"},
        ]
        (systemctl / "listed").write_text(json.dumps(rows))
        (systemctl / "shown").write_text(shown)

    observer = units.Observer()
    say("activating", blocks[0].replace("active\n", "activating\n") + "\n\n" + blocks[2])
    assert not observer.look(names)["mariadb.service"].active
    say("activating", "")
    assert not observer.look(names)["mariadb.service"].active
    say("active", blocks[0])
    seen = observer.look(names)
    assert seen["mariadb.service"].since == 12.3
    assert not seen["nova-api.service"].active
    closely = [line for line in (systemctl / "asked").read_text().splitlines() if "show" in line]
    assert [line.split(" -- ")[1] for line in closely] == [" ".join(names), "mariadb.service"]


def unit(name: str, state: str) -> Unit:
    return Unit(name, True, state == "active", state == "failed", state, 5.0)


def test_a_watch_from_waiting_over_failure_to_healthy() -> None:
    states = {OWN_UNIT: "active", "a.service": "active", "b.service": "activating"}
    probe = Probe("api", "127.0.0.1", 1, "/", (200,), None)
    status = Status("services")
    silent = ["yes"]
    watch = Watch(
        Services(
            ("a.service", "b.service"), (probe,), {"nova": ("nova-compute",)}, "127.0.0.1", ""
        ),
        status,
        look=lambda names: {name: unit(name, states[name]) for name in names},
        explain=lambda name: f"{name} broke",
        silent=lambda wanted: silent and list(wanted["nova"]),
    )
    watch.units_seen()
    assert not watch.conclude()
    assert (status.done, status.total, status.waiting) == (1, 3, ["b.service", "api"])

    states["b.service"] = "failed"
    watch.units_seen()
    watch.probe_up(probe)
    assert not watch.conclude()
    assert status.state == "failed"
    assert status.detail == "b.service failed: b.service broke"

    states |= {"b.service": "active", "a.service": "activating"}  # mended; the other restarts
    watch.units_seen()
    assert not watch.conclude()
    assert (status.state, status.waiting, status.failures) == ("working", ["a.service"], [])

    states["a.service"] = "active"
    watch.units_seen()
    assert not watch.conclude()
    assert status.waiting == ["nova-compute"]
    silent.clear()
    assert watch.conclude()
    assert [one.name for one in status.timeline] == ["api", "b.service", "a.service"]


def test_personalise_failing_is_told_though_nothing_else_starts() -> None:
    states = {OWN_UNIT: "failed", "a.service": "inactive"}
    status = Status("services")
    watch = Watch(
        Services(("a.service",), (), {}, "127.0.0.1", "/horizon/"),
        status,
        look=lambda names: {name: unit(name, states[name]) for name in names},
        explain=lambda _: "config.yaml: line 1",
    )
    watch.units_seen()
    assert not watch.conclude()
    assert status.detail == f"{OWN_UNIT} failed: config.yaml: line 1"


class Site(http.server.BaseHTTPRequestHandler):
    """Answers 503 as long as ``broken`` says, then 200; ``/fenced`` is always the status page."""

    broken = 0

    def do_GET(self) -> None:
        if self.path == "/fenced":
            self.send_response(503)
            self.send_header("X-AIO-Fence", "closed")
        elif type(self).broken > 0:
            type(self).broken -= 1
            self.send_response(503)
        else:
            self.send_response(200)
        self.end_headers()
        self.wfile.write(b"x" * 100_000)

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def serving(port: int = 0, certificate: Path | None = None) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Site)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def certified(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    pki.make_ca(layout)
    pki.make_certificate(layout, PublicHost("192.0.2.1", "cloud.example.org", ()), "aio")
    return layout


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_api_counts_when_inside_and_outside_answer(certified: Layout) -> None:
    Site.broken = 1
    inside = free_port()
    with serving(0, certified.pki / "haproxy.pem") as outside:
        probe = Probe("api", "127.0.0.1", inside, "/", (200,), outside)
        fenced = Probe("page", "127.0.0.1", outside, "/", (200,), None)
        prober = Prober([probe], "127.0.0.1", certified.pki / "ca.pem", "cloud.example.org")
        # Nothing listens inside yet, so it cannot be up however well the outside does.
        assert prober.up.empty()
        with serving(inside):
            assert prober.up.get(timeout=PATIENCE) == probe
        assert fenced.public_port is None
        with pytest.raises(ValueError, match="no public port"):
            prober.public(fenced)


def test_the_fence_is_told_from_the_service(certified: Layout) -> None:
    with serving(0, certified.pki / "haproxy.pem") as port:
        probe = Probe("page", "127.0.0.1", port, "/fenced", (200,), port)
        prober = Prober([], "127.0.0.1", certified.pki / "ca.pem", "cloud.example.org")
        assert prober.public(probe) == Answer(503, True)


def test_a_certificate_of_another_host_is_no_answer(certified: Layout) -> None:
    with serving(0, certified.pki / "haproxy.pem") as port:
        probe = Probe("page", "127.0.0.1", port, "/", (200,), port)
        prober = Prober([], "127.0.0.1", certified.pki / "ca.pem", "other.example.org")
        with pytest.raises(ssl.SSLError, match=r"other\.example\.org"):
            prober.public(probe)


def test_noise_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def shout() -> None:
            talk, _ = server.accept()
            talk.recv(1000)
            talk.sendall(b"SSH-2.0-noise\r\n")
            talk.close()

        threading.Thread(target=shout, daemon=True).start()
        with pytest.raises(ConnectionError):
            probing.ask("127.0.0.1", server.getsockname()[1], "/")


def test_services_as_the_bake_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "services.json"
    probe = {
        "name": "keystone", "url": "http://127.0.0.1:15000/v3", "answers": [200], "port": 5000,
    }  # fmt: skip
    inner = {
        "name": "nova-api-metadata", "url": "http://127.0.0.1:18775/", "answers": [200],
        "port": None,
    }  # fmt: skip
    table = [
        {
            "name": "keystone",
            "api": {"type": "identity", "name": "keystone"},
            "units": ["keystone.service"],
            "probes": [probe],
            "heartbeats": None,
        },
        {
            "name": "nova",
            "units": ["nova-compute.service", "keystone.service"],
            "probes": [inner],
            "heartbeats": {"database": "nova", "binaries": ["nova-compute", "nova-x"]},
        },
    ]
    told = {"format": 1, "outside": "172.29.236.102", "dashboard": "/", "services": table}
    path.write_text(json.dumps(told))
    assert services.load(path) == Services(
        ("keystone.service", "nova-compute.service"),
        (
            Probe("keystone", "127.0.0.1", 15000, "/v3", (200,), 5000, "api"),
            Probe("nova-api-metadata", "127.0.0.1", 18775, "/", (200,), None),
        ),
        {"nova": ("nova-compute",)},
        "172.29.236.102",
        "/",
    )
    for content in ("", "{}", '{"format": 9}', '{"format": 1, "services": [{}]}'):
        path.write_text(content)
        with pytest.raises(ApplianceProblem):
            services.load(path)
