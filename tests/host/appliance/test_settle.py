"""Settling on a whole appliance that boots in a container: it waits, moves and comes back."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aio_image.bake.nspawn import Container
from tests.host.appliance.booted import DEPLOYER, RULES, Appliance, appliance
from tests.host.bake.conftest import private

__all__ = ["private"]

pytestmark = pytest.mark.host

FIRST, SECOND, THIRD = "first.example.org", "second.example.org", "third.example.org"
ADDRESS, MOVED = str(RULES.network["address"]), "192.0.2.20"
BROKEN = "fqdn: first.example.org\nuser_variables:\n  nova_nova_conf_overrides: 3\n"
# Where there are playbooks, they read the words, too.
VARIABLES = "etc/openstack_deploy/user_zzy_aio_config.yml"
NOVA_PYTHON = "python3" if DEPLOYER == "debian" else "/openstack/venvs/nova-*/bin/python"
GOOD = f"""\
# What I want.
fqdn: {FIRST}
proxy: {{http: "http://192.0.2.99:3128"}}
user_variables:
  keystone_keystone_conf_overrides: {{token: {{expiration: 7777}}}}
  nova_nova_conf_overrides: {{libvirt: {{inject_key: true}}}}
"""
# From outside: status, kind and text of an answer, by whatever certificate there is.
_GET = """
import json, ssl, sys, urllib.error, urllib.request
request = urllib.request.Request(sys.argv[1], headers=json.loads(sys.argv[2]))
try:
    answer = urllib.request.urlopen(request, context=ssl._create_unverified_context(), timeout=20)
except urllib.error.HTTPError as error:
    answer = error
except OSError as error:
    print(json.dumps([0, "", str(error)]))
    sys.exit()
print(json.dumps([answer.status, answer.headers["content-type"], answer.read().decode()]))
"""
_CERTIFICATE = (
    "echo | openssl s_client -connect {address}:5000 -CAfile {ca} -verify_return_error 2>/dev/null"
    " | openssl x509 -noout -ext subjectAltName"
)
_ENDPOINTS = (
    "set -a; . /root/openrc; exec openstack endpoint list -f value -c Interface -c URL 2>&1"
)
_OPTIONS = (
    f'cd /tmp && {NOVA_PYTHON} -c "'
    "import sys, nova.conf; from nova import config;"
    " config.parse_args(['x', '--config-file', '/etc/nova/nova.conf',"
    " '--config-dir', '/etc/nova/nova.conf.d']); c = nova.conf.CONF;"
    ' print(c.libvirt.inject_key, c.libvirt.virt_type, c.vnc.novncproxy_base_url)"'
)


def get(container: Container, url: str, **headers: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [*container.outside(), sys.executable, "-c", _GET, url, json.dumps(headers)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    status, kind, text = json.loads(done.stdout)
    return int(status), str(kind), str(text)


def shell(container: Container, command: str) -> str:
    return container.run(["sh", "-c", command], timeout=300, check=False).output


def said(container: Container, until: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The status, once it is what is waited for."""
    path = Path(f"/proc/{container.leader}/root/run/aio/status.json")
    over = time.monotonic() + 1200
    status: dict[str, Any] = {}
    while time.monotonic() < over:
        if path.exists():
            status = json.loads(path.read_text())
            if until(status):
                return status
        time.sleep(0.3)
    raise AssertionError(status)


def seed(made: Appliance, instance: str, address: str, config: str) -> None:
    made.seed()
    folder = made.root / "var/lib/cloud/seed/nocloud"
    meta = {"instance-id": instance, "local-hostname": "aio"}
    (folder / "meta-data").write_text(json.dumps(meta))
    network = (folder / "network-config").read_text().replace(ADDRESS, address)
    (folder / "network-config").write_text(network)
    file = {"path": "/etc/aio/config.yaml", "permissions": "0600", "content": config}
    (folder / "user-data").write_text(f"#cloud-config\n{json.dumps({'write_files': [file]})}\n")


def check_where_it_is(made: Appliance, container: Container, address: str, name: str) -> None:
    """Endpoints, certificate, files and credentials name it so, and no other way."""
    ca = made.root / "etc/aio/pki/ca.pem"
    served = subprocess.run(
        [*container.outside(), "sh", "-c", _CERTIFICATE.format(address=address, ca=ca)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert f"DNS:{name}" in served and f"IP Address:{address}" in served
    endpoints = shell(container, _ENDPOINTS).splitlines()
    public = [line.split()[1] for line in endpoints if line.startswith("public")]
    assert len(public) >= 6, endpoints
    assert all(url.startswith(f"https://{name}:") for url in public), public
    assert f"OS_AUTH_URL='https://{name}:5000/v3'" in shell(container, "aio credentials")
    others = "".join(f" -e {one}" for one in (FIRST, SECOND, THIRD) if one != name)
    places = "/etc /var/lib/aio /run/aio /run/issue.d"
    assert shell(container, f"grep -rIl {others} {places}") == ""
    dump = f"mariadb-dump --no-defaults --user=root keystone endpoint | grep -c {others}"
    assert shell(container, dump).strip() == "0"
    options = shell(container, _OPTIONS)
    assert f"https://{name}:6080/" in options


def check_unable(container: Container) -> None:
    """A first boot that cannot go on tells everybody why, and lets its owner in."""
    status = said(container, lambda one: one.get("state") == "failed")
    (problem,) = status["problems"]
    assert problem in status["detail"]
    assert problem.startswith("line 3: user_variables.nova_nova_conf_overrides: must be a mapping")
    over = time.monotonic() + 300
    while get(container, f"https://{ADDRESS}/")[0] == 0 and time.monotonic() < over:
        time.sleep(1)
    for scheme in ("http", "https"):
        code, kind, page = get(container, f"{scheme}://{ADDRESS}/")
        assert (code, kind) == (503, "text/html; charset=utf-8")
        assert "line " in page and "journalctl -u aio-personalise" in page
        for path, headers in (("aio/status", {}), ("", {"Accept": "application/json"})):
            code, kind, text = get(container, f"{scheme}://{ADDRESS}/{path}", **headers)
            assert (code, kind) == (503, "application/json")
            assert json.loads(text)["state"] == "failed"
    assert shell(container, "systemctl is-active ssh.service").strip() == "active"


def test_unable_then_healthy_then_elsewhere(private: Callable[..., None], tmp_path: Path) -> None:
    def body() -> None:
        with appliance(tmp_path) as made:
            seed(made, "one", ADDRESS, BROKEN)
            with made.boot() as container:
                check_unable(container)
                (made.root / "etc/aio/config.yaml").write_text(GOOD)
                made.until_healthy(container)
                check_where_it_is(made, container, ADDRESS, FIRST)
                ca = (made.root / "etc/aio/pki/ca.pem").read_bytes()
                assert shell(container, _OPTIONS).startswith("True ")
                assert (made.root / VARIABLES).exists() == (DEPLOYER != "debian")
                assert "http_proxy=http" in shell(container, "systemctl show-environment")
                assert get(container, f"https://{ADDRESS}/aio/status")[0] == 200
                assert shell(container, "systemctl is-active aio-fence.service").strip() != "active"
                done = shell(container, f"aio readdress --fqdn {SECOND}; echo $?")
                assert done.splitlines()[-1] == "0", done
                check_where_it_is(made, container, ADDRESS, SECOND)
                config = (made.root / "etc/aio/config.yaml").read_text()
                assert config == GOOD.replace(FIRST, SECOND)
            with made.boot() as container:  # after a power cut
                made.until_healthy(container)
                log = shell(container, "journalctl --boot --unit aio-personalise -o cat")
                assert "settled anew" not in log, log
                check_where_it_is(made, container, ADDRESS, SECOND)
            seed(made, "two", MOVED, f"fqdn: {THIRD}\n")
            with made.boot() as container:
                made.until_healthy(container)
                check_where_it_is(made, container, MOVED, THIRD)
                assert (made.root / "etc/aio/pki/ca.pem").read_bytes() == ca
                assert not (made.root / "etc/systemd/system.conf.d/60-aio-proxy.conf").exists()
                assert not list((made.root / "etc").glob("*/*.conf.d/90-aio-user.conf"))
                assert not (made.root / VARIABLES).exists()

    private(body)
