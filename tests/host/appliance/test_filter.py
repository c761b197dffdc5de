"""What reaches an appliance of OpenStack-Ansible: its filter, with real packets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from aio_image import deployers
from aio_image.paths import resource
from tests.unit.deployers.conftest import rendered

pytestmark = [
    pytest.mark.host,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(shutil.which("nft") is None, reason="there is no nft here"),
]

# Who listens where: haproxy's public side, a service, and what opens a port at every address.
LISTENERS = {
    "haproxy": ("172.29.236.102", 5000),
    "keystone": ("172.29.236.100", 5000),
    "galera": ("0.0.0.0", 4567),
    "ssh": ("0.0.0.0", 22),
}

# In a network namespace of its own, which is the appliance; `out` is the world.
MACHINE = """
set -eu
mount -t tmpfs none /run
ip link set lo up
ip netns add out
ip link add eth0 type veth peer name eth0 netns out
ip link add br-mgmt type bridge
for last in 100 101 102; do ip address add 172.29.236.$last/22 dev br-mgmt; done
ip address add 192.0.2.10/24 dev eth0
ip link set br-mgmt up
ip link set eth0 up
ip netns exec out ip address add 192.0.2.1/24 dev eth0
ip netns exec out ip link set eth0 up
# Somebody who knows the networks inside, and the way.
ip netns exec out ip route add 172.29.236.0/22 via 192.0.2.10
nft -f - <rules
sh ./public-ports
exec python3 -I ask.py
"""

ASK = """
import json, socket, subprocess, sys, threading

listeners, questions = json.load(open("told.json"))

def answer(name, server):
    while True:
        talk, _ = server.accept()
        talk.sendall(name.encode())
        talk.close()

for name, place in listeners.items():
    server = socket.create_server(tuple(place))
    threading.Thread(target=answer, args=(name, server), daemon=True).start()

CLIENT = '''
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=2) as talk:
        print(talk.recv(100).decode())
except ConnectionRefusedError:
    print("refused")
except TimeoutError:
    print("silence")
'''

def ask(where, address, port):
    inside = ["ip", "netns", "exec", "out"] if where == "out" else []
    return subprocess.run([*inside, sys.executable, "-I", "-c", CLIENT, address, str(port)],
                          capture_output=True, text=True, check=True).stdout.strip()

print(json.dumps([ask(*question) for question in questions]))
"""


@pytest.fixture
def files() -> Mapping[str, str]:
    playbooks = resource("playbooks")
    facts = deployers.load("openstack-ansible")
    services = [service.name for service in facts.services]
    common: dict[str, Any] = yaml.safe_load((playbooks / "group_vars/all.yml").read_text())
    told = common | {"aio_facts": facts.dump(services)}
    return rendered(playbooks / "roles/openstack_ansible", told)


def test_who_gets_where(files: Mapping[str, str], tmp_path: Path) -> None:
    expected = {
        ("out", "192.0.2.10", 5000): "haproxy",
        ("out", "192.0.2.10", 22): "ssh",
        ("out", "192.0.2.10", 4567): "refused",
        ("out", "192.0.2.10", 8774): "refused",
        ("out", "172.29.236.100", 5000): "silence",
        ("out", "172.29.236.102", 5000): "silence",
        ("here", "192.0.2.10", 5000): "haproxy",
        ("here", "172.29.236.100", 5000): "keystone",
        ("here", "172.29.236.102", 5000): "haproxy",
        ("here", "127.0.0.1", 4567): "galera",
    }
    (tmp_path / "haproxy.cfg").write_text("    bind aio-external:5000 ssl\n")
    ports = files["/usr/lib/aio/public-ports"].replace("/etc/haproxy/", "")
    (tmp_path / "public-ports").write_text(ports)
    (tmp_path / "rules").write_text(files["/etc/nftables.conf"])
    (tmp_path / "ask.py").write_text(ASK)
    (tmp_path / "told.json").write_text(json.dumps([LISTENERS, list(expected)]))
    done = subprocess.run(
        ["unshare", "--net", "--mount", "sh", "-c", MACHINE],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert dict(zip(expected, json.loads(done.stdout), strict=True)) == expected
