"""``aio enable`` on an appliance of OpenStack-Ansible: real ansible-runner, a small playbook."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

from aio_image.appliance.commands import disable, enable
from aio_image.appliance.deploying import additions
from aio_image.appliance.layout import Layout
from aio_image.appliance.machine import Record
from aio_image.appliance.problems import ApplianceProblem
from aio_image.bake.osa import additions as written

_PROGRAMS = Path(sys.executable).parent
_PLAY = """\
- hosts: localhost
  gather_facts: false
  tasks:
    - name: Is there room
      ansible.builtin.command: test -e {folder}/room
    - name: Write it down
      ansible.builtin.shell: echo {{{{ word | default('ran') }}}} >> {folder}/ran
"""
_ROW = {"name": "x", "title": "X", "units": ["x.service"], "optional": False, "memory": 0,
        "api": None, "probes": [], "heartbeats": None}  # fmt: skip
_HOSTS = {"aio1": {"ip": "172.29.236.100", "management_ip": "172.29.236.100"}}


class _Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthcheck" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not into the test's output."""


@pytest.fixture
def port() -> Iterator[int]:
    """Of a service that says it is well."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def layout(tmp_path: Path, port: int) -> Layout:
    """The bake's own table, with a playbook of the test's for Barbican's."""
    layout = Layout(tmp_path / "root")
    (tmp_path / "barbican.yml").write_text(_PLAY.format(folder=tmp_path))
    written.write(layout.root, ["keystone", "heat"], {"HOME": str(tmp_path)})
    _programs(layout, port)
    keystone = layout.at("/etc/openstack_deploy/conf.d/keystone.yml")
    keystone.parent.mkdir(parents=True)
    keystone.write_text(yaml.safe_dump({"identity_hosts": _HOSTS}))
    layout.services.write_text(
        json.dumps(
            {
                "format": 1,
                "services": [_ROW],
                "dormant": [],
                "outside": "127.0.0.1",
                "dashboard": None,
            }
        )
    )
    layout.personalised.parent.mkdir(parents=True, exist_ok=True)
    layout.personalised.write_text("1\n")
    Record(layout.state, "1", values={"host": "cloud.example.com"}).save()
    return layout


def _programs(layout: Layout, port: int) -> None:
    """Have the table name this environment's programs, the test's playbook and ``service``."""
    table = json.loads(layout.additions.read_text())
    table |= {
        "folder": str(layout.root.parent),
        "wrapper": str(_PROGRAMS / "ansible-playbook"),
        "runner": str(_PROGRAMS / "ansible-runner"),
    }
    barbican = table["rows"]["barbican"]
    barbican["playbooks"] = ["barbican.yml"]
    # There is no haproxy here, so it has no public port.
    url = f"http://127.0.0.1:{port}/healthcheck"
    barbican["service"]["probes"] = [{**barbican["service"]["probes"][0], "url": url, "port": None}]
    layout.additions.write_text(json.dumps(table))


def _barbican(layout: Layout) -> additions.Addition:
    found = additions.find(layout, "barbican")
    assert found is not None
    return found


def _sources(layout: Layout) -> None:
    layout.at("/opt/aio/git/opendev.org/openstack/barbican.git").mkdir(parents=True)


def _environment(layout: Layout) -> Path:
    """A virtual environment as its playbook leaves one, with a module."""
    home = layout.at("/openstack/venvs/barbican-33.0.1")
    (home / "bin").mkdir(parents=True)
    (home / "bin/python3").symlink_to(sys.executable)
    module = home / "lib/python3/here.py"
    module.parent.mkdir(parents=True)
    module.write_text("pass\n")
    return module


def test_without_its_sources_nothing_is_touched(layout: Layout) -> None:
    with pytest.raises(ApplianceProblem, match="no sources of barbican: https://"):
        additions.add(layout, _barbican(layout), print)
    conf = layout.at("/etc/openstack_deploy/conf.d")
    assert [path.name for path in conf.iterdir()] == ["keystone.yml"]


def test_a_service_is_added_by_its_file_and_its_playbook(layout: Layout) -> None:
    _sources(layout)
    said: list[str] = []
    with pytest.raises(ApplianceProblem, match=r"barbican\.yml: task “Is there room”"):
        additions.add(layout, _barbican(layout), said.append)
    assert not _barbican(layout).added
    # The same command goes on.
    (layout.root.parent / "room").touch()
    module = _environment(layout)
    assert additions.add(layout, _barbican(layout), said.append)
    assert _barbican(layout).added
    conf = layout.at("/etc/openstack_deploy/conf.d/barbican.yml").read_text()
    assert yaml.safe_load(conf) == {"key_manager_hosts": _HOSTS}
    assert said[-3:] == [
        "barbican.yml: Write it down (task 2)",
        "compiling its Python modules",
        "waiting for its answer",
    ]
    assert list(module.parent.glob("__pycache__/here.*.pyc"))
    rows = json.loads(layout.services.read_text())["services"]
    assert [(row["name"], row["units"]) for row in rows] == [
        ("x", ["x.service"]), ("barbican", ["barbican-api.service"]),
    ]  # fmt: skip
    assert not additions.add(layout, _barbican(layout), said.append)
    assert (layout.root.parent / "ran").read_text() == "ran\n"


def test_its_playbooks_are_told_where_the_image_carries_what_they_take(
    layout: Layout, port: int
) -> None:
    _sources(layout)
    (layout.root.parent / "room").touch()
    variables = layout.root.parent / "variables.yml"
    variables.write_text("word: carried\n")
    written.write(layout.root, [], {}, variables=str(variables))
    assert json.loads(layout.additions.read_text())["variables"] == str(variables)
    _programs(layout, port)
    assert additions.add(layout, _barbican(layout), print)
    assert (layout.root.parent / "ran").read_text() == "carried\n"


def test_they_are_listed_and_cannot_be_disabled(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = enable.listing(layout).splitlines()
    assert [row.split()[0] for row in rows] == ["barbican", "designate"], "heat is there already"
    assert rows[0].split() == ["barbican", "not", "added", "Key", "manager",
                               "(by", "OpenStack-Ansible)"]  # fmt: skip
    monkeypatch.setattr("os.geteuid", lambda: 0)
    given = type("Given", (), {"service": ["barbican"]})()
    with pytest.raises(ApplianceProblem, match="no playbook that takes a service away"):
        disable.run(given, layout)


def test_an_image_of_another_deployer_has_none(tmp_path: Path) -> None:
    assert additions.every(Layout(tmp_path)) == []
    assert additions.find(Layout(tmp_path), "barbican") is None


def test_every_row_is_whole() -> None:
    for row in written.whole({})["rows"].values():
        assert set(row) == {"group", "playbooks", "sources", "service"}
        assert row["service"]["units"] and row["service"]["api"]
        assert all(url.startswith("https://") for url in row["sources"])
        assert row["group"].endswith("_hosts")
