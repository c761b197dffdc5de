"""`aio-image seed`: what it writes and says, against golden files; on bad input it writes nothing.

To accept a change on purpose: AIO_ACCEPT=1 pytest tests/unit/cli/test_seed.py
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import stat
import sys
from pathlib import Path

import pytest

from aio_image.boot.seed import read_seed
from aio_image.cli.main import main
from aio_image.errors import EXIT_OK, EXIT_USAGE

DOCS = Path(__file__).parents[3] / "docs"
GOLDEN = Path(__file__).parent / "golden" / "seed"
# ssh-keygen -t ed25519; its private half was never kept.
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDR3SVGOYlw/DMXC1uS75l7PN2hrFuoSwf9znkdkQPTe me@here\n"
PASSWORD = "correct-horse-battery"
EVERYTHING = [
    "--hostname=cloud", "--fqdn=cloud.example.org", "--public-address=203.0.113.20",
    "--interface=ens3", "--address=192.0.2.10/24", "--gateway=192.0.2.1",
    "--nameserver=192.0.2.53", "--nameserver=2001:db8::53", "--search=example.org",
    "--proxy=http://proxy.example.org:3128", "--no-proxy=.example.org",
    "--data-disk=/dev/vdb", "--filesystem=xfs", "--wipe", "--cinder=100G", "--nova=40G",
    "--swift=2T", "--ssh-key=id.pub", "--password-file=password", "--force-start",
    "--bootstrap-opts=bootstrap_host_public_interface=ens3 bootstrap_host_scenario=aio_metal",
]  # fmt: skip
CASES = {
    "nothing": [],
    "everything": EVERYTHING,
    "limited": [
        "--interface=eth1",
        "--address=dhcp",
        "--no-default-route",
        "--nameserver=10.0.0.1",
    ],
    "router-outside": ["--interface=eth0", "--address=198.51.100.7/32", "--gateway=10.0.0.1"],
    "second-disk": ["--data-disk=/dev/disk/by-id/virtio-data"],
    "config": ["--config=mine.yaml", "--ssh-key=id.pub"],
    "whole-files": ["--user-data=user-data", "--network-config=network-config"],
}
CONFIG = """\
public_interface: ens3
network: {address: "2001:db8::10/64", gateway: "fe80::1"}
secrets:
  keystone_auth_admin_password: {file: /root/admin-password}
  nova_service_password: something-long
user_variables: {nova_nova_conf_overrides: {DEFAULT: {cpu_allocation_ratio: 4.0}}}
"""
USER_DATA = f"""\
#cloud-config
ssh_authorized_keys:
  - {KEY}
write_files:
  - path: /etc/aio/config.yaml
    permissions: "0600"
    encoding: gz+b64
    content: {base64.b64encode(gzip.compress(b"fqdn: cloud.example.org", mtime=0)).decode()}
"""
NETWORK = """\
version: 2
ethernets:
  ens3: {dhcp4: false, addresses: [192.0.2.10/24], routes: [{to: 0.0.0.0/0, via: 192.0.2.1}]}
"""


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, text in {
        "id.pub": KEY,
        "password": f"{PASSWORD}\n",
        "mine.yaml": CONFIG,
        "user-data": USER_DATA,
        "network-config": NETWORK,
    }.items():
        Path(name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seed", "--instance-id=aio-1", *CASES[case]]) == EXIT_OK
    made = read_seed(Path("seed.iso"))
    said = capsys.readouterr().out
    assert stat.S_IMODE(Path("seed.iso").stat().st_mode) == 0o600
    assert PASSWORD not in said
    assert "something-long" not in said
    found = "".join(f"==> {name} <==\n{text}" for name, text in sorted(made.items()))
    golden = GOLDEN / f"{case}.golden"
    text = f"{found}==> said <==\n{said}"
    if os.environ.get("AIO_ACCEPT"):
        golden.parent.mkdir(parents=True, exist_ok=True)
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


WRONG = {
    "--gateway: goes with a fixed address": ["--gateway=192.0.2.1"],
    "--gateway: is missing": ["--address=192.0.2.10/24"],
    "--gateway: 192.0.3.1 is not in 192.0.2.0/24": [
        "--address=192.0.2.10/24",
        "--gateway=192.0.3.1",
    ],
    "--gateway: contradicts": [
        "--address=192.0.2.10/24",
        "--gateway=192.0.2.1",
        "--no-default-route",
    ],
    "--data-disk: is missing": ["--wipe"],
    "--filesystem: 'btrfs'": ["--data-disk=vdb", "--filesystem=btrfs"],
    "--cinder: '40'": ["--cinder=40"],
    "--proxy: may not hold a user": ["--proxy=http://me:hunter2@proxy.example.org:3128"],
    "--bootstrap-opts: bootstrap_host_data_disk_devise": [
        "--bootstrap-opts=bootstrap_host_data_disk_devise=vdb"
    ],
    "contradicts public_interface": [
        "--interface=ens3",
        "--bootstrap-opts=bootstrap_host_public_interface=eth1",
    ],
    "--hostname: is not one label": ["--hostname=cloud.example.org"],
    "is a private key": ["--ssh-key=private"],
    "is not a public key": ["--ssh-key=password"],
    "there is no folder": ["--output=nowhere/seed.iso"],
    "is a folder": ["--output=."],
    "must hold one line": ["--password-file=mine.yaml"],
    "--password-file: may hold letters": ["--password-file=odd"],
    "--config and --fqdn exclude each other": ["--config=mine.yaml", "--fqdn=a.example.org"],
    "--user-data and --ssh-key exclude": ["--user-data=user-data", "--ssh-key=id.pub"],
    "line 2: user_variables.nova_nova_conf_override: not known here; did you mean": [
        "--config=variables.yaml"
    ],
    "line 1: secrets.barbican_simple_crypto_key: must match": ["--config=pattern.yaml"],
    "--image absent.qcow2: there is no such file": ["--image=absent.qcow2"],
    "bare.manifest.json: there is no such file": ["--image=bare.qcow2"],
    "image.manifest.json: is not the manifest of an image": ["--image=image.qcow2"],
    "wrong.yaml: line 2: fqdn": ["--config=wrong.yaml"],
    "--config absent.yaml: cannot be read": ["--config=absent.yaml"],
    "script:1: must begin with the line #cloud-config": ["--user-data=script"],
    "wrong-data:3: /etc/aio/config.yaml: line 1: fqdn": ["--user-data=wrong-data"],
    "may be read by others": ["--user-data=wrong-data"],
    "wrong-network:4: ethernets.ens3.adresses: unknown key, did you mean 'addresses'?": [
        "--network-config=wrong-network"
    ],
    "write 0.0.0.0/0": ["--network-config=wrong-network"],
}


@pytest.mark.parametrize("says", WRONG)
def test_bad_input_writes_nothing(says: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("private").write_text("-----BEGIN {} PRIVATE KEY-----\nhunter2\n".format("OPENSSH"))
    Path("odd").write_text("hunter2 with blanks\n")
    Path("wrong.yaml").write_text("force: no\nfqdn: -x-\n")
    Path("variables.yaml").write_text("user_variables:\n  nova_nova_conf_override: {}\n")
    Path("pattern.yaml").write_text("secrets: {barbican_simple_crypto_key: hunter2hunter2}\n")
    Path("image.qcow2").write_text("any")
    Path("bare.qcow2").write_text("any")
    Path("image.manifest.json").write_text("{}")
    Path("script").write_text("#!/bin/sh\n")
    Path("wrong-data").write_text(
        "#cloud-config\nwrite_files:\n  - path: /etc/aio/config.yaml\n    content: 'fqdn: -x-'\n"
    )
    Path("wrong-network").write_text(
        "version: 2\nethernets:\n  ens3:\n    adresses: [192.0.2.10/24]\n"
        "    routes:\n      - {to: default, via: 192.0.2.1}\n"
    )
    before = sorted(Path.cwd().iterdir())
    assert main(["seed", *WRONG[says]]) == EXIT_USAGE
    said = capsys.readouterr().err
    assert says in said
    assert "hunter2" not in said
    assert sorted(Path.cwd().iterdir()) == before


def test_all_problems_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seed", "--address=192.0.2.10", "--wipe", "--hostname=a.b"]) == EXIT_USAGE
    assert "3 problems" in capsys.readouterr().err


def test_what_is_there_is_replaced_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    Path("seed.iso").write_text("mine")
    assert main(["seed"]) == EXIT_USAGE
    assert "--force" in capsys.readouterr().err
    assert Path("seed.iso").read_text() == "mine"
    assert main(["seed", "--force", "--gateway=192.0.2.1"]) == EXIT_USAGE
    assert Path("seed.iso").read_text() == "mine"
    assert main(["seed", "--force"]) == EXIT_OK
    assert "user-data" in read_seed(Path("seed.iso"))


def test_check_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seed", "--check", "--hostname=cloud"]) == EXIT_OK
    assert not Path("seed.iso").exists()
    assert "calls itself cloud" in capsys.readouterr().out


def test_a_password_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from-standard-input\r\n")))
    assert main(["seed", "--password-file=-"]) == EXIT_OK
    assert "from-standard-input\n" in read_seed(Path("seed.iso"))["user-data"]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seed", "--json"]) == EXIT_OK
    found = json.loads(capsys.readouterr().out)
    assert (found["kind"], found["path"]) == ("seed", "seed.iso")
    assert "It asks for an address by DHCP." in found["will"]


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["seed", "--schema"]) == EXIT_OK
    assert capsys.readouterr().out == (DOCS / "config.schema.json").read_text(encoding="utf-8")
