"""What an appliance gets on top of what OpenStack-Ansible deployed, as its role writes it."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from aio_image import deployers
from aio_image.deployers.openstack_ansible.deploying import deployment
from aio_image.paths import resource

from .conftest import rendered

PLAYBOOKS = resource("playbooks")
ROLE = PLAYBOOKS / "roles/openstack_ansible"


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    facts = deployers.load("openstack-ansible")
    services = [service.name for service in facts.services]
    common: dict[str, Any] = yaml.safe_load((PLAYBOOKS / "group_vars/all.yml").read_text())
    return rendered(ROLE, common | {"aio_facts": facts.dump(services)})


def test_its_addresses_are_those_of_the_deployment() -> None:
    known = yaml.safe_load((ROLE / "vars/main.yml").read_text())
    facts = deployers.load("openstack-ansible")
    assert known["openstack_ansible_external"] == deployment().external_name
    assert known["openstack_ansible_host"] == deployment().addresses["host"]
    assert known["openstack_ansible_internal"] == deployment().addresses["internal"]
    assert facts.outside == deployment().addresses["external"]
    assert all(probe.url.split("/")[2].split(":")[0] == known["openstack_ansible_host"]
               for service in facts.services for probe in service.probes)  # fmt: skip


def test_variables_say_what_the_frontends_are_given(files: dict[str, str]) -> None:
    said = yaml.safe_load(files["/etc/openstack_deploy/user_zzy_aio_appliance.yml"])
    base = said["haproxy_base_service_overrides"]
    # What the release has there stays, behind the fence.
    assert base["haproxy_maps"][-1] == "use_backend %[path,map_reg(/etc/haproxy/base_regex.map)]"
    assert base["haproxy_maps"][-2].startswith("use_backend aio_fence if ")
    assert "{ str(fence),map(/run/aio/fence.map,closed) open }" in base["haproxy_maps"][-2]
    assert base["haproxy_redirect_scheme"].startswith("https if !{ ssl_fc } ")
    assert said["haproxy_frontend_redirect_extra_raw"][-1] == "default_backend aio_fence"


def test_what_comes_from_outside_reaches_haproxy_and_ssh_alone(files: dict[str, str]) -> None:
    rules = files["/etc/nftables.conf"]
    assert rules.count("dnat ip to 172.29.236.102") == 2
    (others,) = re.findall(r"chain others \{(.*?)\n  \}", rules, re.DOTALL)
    let_in = set(re.findall(r"(tcp|udp) dport (\d+) accept", others))
    ports = deployers.load("openstack-ansible").ports
    assert let_in == {(one.protocol, str(one.port)) for one in ports}
    assert others.rstrip().endswith("drop")


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Path]:
    """The file where an nft writes what it is told, first in PATH."""
    program = tmp_path / "bin/nft"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$*" = "-f -" ] && cat >{tmp_path}/told\n')
    program.chmod(0o755)
    yield tmp_path / "told"


@pytest.mark.parametrize(
    ("settings", "ports"),
    [
        (
            "frontend a\nbind aio-external:80\n    mode http\n"
            "    bind aio-external:443 ssl crt /x.pem\n    bind 172.29.236.101:3306 \n"
            "    bind aio-external:5000 ssl\n    bind aio-external:443 ssl\n",
            "80,443,5000",
        ),
        ("# nothing yet\n", ""),
    ],
)
def test_public_ports_are_haproxys_own(
    files: dict[str, str], told: Path, tmp_path: Path, settings: str, ports: str
) -> None:
    (tmp_path / "haproxy.cfg").write_text(settings)
    script = files["/usr/lib/aio/public-ports"]
    script = script.replace("/etc/haproxy/haproxy.cfg", str(tmp_path / "haproxy.cfg"))
    path = f"{told.parent}/bin:{os.environ['PATH']}"
    subprocess.run(["sh", "-c", script], check=True, env={"PATH": path})
    lines = ["flush set inet aio public_ports"]
    if ports:
        lines.append(f"add element inet aio public_ports {{ {ports} }}")
    assert told.read_text().splitlines() == lines


def test_erlang_nodes_find_each_other(files: dict[str, str]) -> None:
    """A node registers itself at loopback, and is asked for where its name leads to."""
    socket = files["/etc/systemd/system/epmd.socket.d/20-aio.conf"].splitlines()
    assert [line for line in socket if line.startswith("ListenStream")] == [
        "ListenStream=",
        "ListenStream=127.0.0.1:4369",
        "ListenStream=172.29.236.100:4369",
    ]
    unit = files["/etc/systemd/system/rabbitmq-server.service.d/20-aio.conf"]
    assert "inet_dist_use_interface {172,29,236,100}" in unit


def test_no_drop_in_takes_away_how_new_passwords_reach_the_database(files: dict[str, str]) -> None:
    """systemd reads drop-ins by name, wherever they are: a list emptied later is empty."""
    installed = yaml.safe_load(resource("aio_image/appliance/install.yaml").read_text())
    (appliance,) = [
        Path(row["target"]).name
        for row in _rows(installed)
        if "/mariadb.service.d/" in row["target"]
    ]
    emptying = [
        Path(path).name
        for path, text in files.items()
        if "/mariadb.service.d/" in path and "ExecStartPost=\n" in text
    ]
    assert emptying and max(emptying) < appliance


def test_no_drop_in_of_the_role_hides_one_of_the_appliance(files: dict[str, str]) -> None:
    """Of two with the same name systemd reads the one in /etc alone."""
    installed = yaml.safe_load(resource("aio_image/appliance/install.yaml").read_text())
    theirs = {row["target"].removeprefix("/usr/lib/") for row in _rows(installed)}
    ours = {path.removeprefix("/etc/") for path in files if path.endswith(".conf")}
    assert theirs & ours == set()
    assert "systemd/system/rabbitmq-server.service.d/20-aio.conf" in ours


def _rows(value: Any) -> Iterator[dict[str, Any]]:
    """Every row of the table that has a ``target``."""
    if isinstance(value, dict):
        if "target" in value:
            yield value
        for each in value.values():
            yield from _rows(each)
    elif isinstance(value, list):
        for each in value:
            yield from _rows(each)
