"""First boot as a whole, on real files: what it makes, and that no power cut changes the end."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import yaml

from aio_image.appliance import database, personalise, reissue, settlement
from aio_image.appliance.deploying.orders import Done, note
from aio_image.appliance.layout import Layout
from aio_image.appliance.ledger import PREFIX
from aio_image.appliance.machine import Record
from aio_image.appliance.problems import ApplianceProblem
from aio_image.appliance.status import Reporter
from tests import power_cuts
from tests.power_cuts import PowerCut
from tests.unit.appliance.small_image import BAKE_ID, SECRETS, make_image, spelled_anywhere

CONFIG = """\
public_address: 192.0.2.10
fqdn: cloud.example.org
secrets:
  keystone_auth_admin_password: "chosen-by-hand-and-long-enough"
"""
ADMIN = "keystone_auth_admin_password"
_WRITES = ("fsync", "replace", "pwrite", "write", "unlink", "link", "mkdir")


def cut_power_after(monkeypatch: pytest.MonkeyPatch, calls: int) -> Callable[[], int]:
    """Have the ``calls``-th and every later call that changes the disk not happen."""
    return power_cuts.cut_power_after(monkeypatch, calls, [(os, name) for name in _WRITES])


def seeded(image: Layout) -> Layout:
    """With a configuration, and the copies that cloud-init keeps of it."""
    image.config.write_text(CONFIG)
    copies = image.at("/var/lib/cloud/instances/iid-1")
    copies.mkdir(parents=True)
    (copies / "user-data.txt").write_text(f"#cloud-config\nwrite_files: [{{content: '{CONFIG}'}}]")
    (copies / "obj.pkl").write_bytes(b"\x80\x04" + CONFIG.encode() + b"\x00")
    return image


def run(image: Layout) -> None:
    personalise.run(image, Reporter(image))


def check_end(image: Layout, admin: str | None) -> dict[str, str]:
    """All that must hold once personalise is over, however often it was interrupted."""
    root = image.root
    assert image.personalised.read_text() == f"{BAKE_ID}\n"
    assert spelled_anywhere(root, PREFIX) == []
    left = [name for _, _, names in os.walk(root) for name in names if ".aio-" in name]
    assert left == []
    values: dict[str, str] = yaml.safe_load(image.secrets.read_text())
    assert set(values) == set(SECRETS)
    assert image.secrets.stat().st_mode & 0o777 == 0o600
    assert image.secrets.parent.stat().st_mode & 0o777 == 0o700
    if admin:
        assert values[ADMIN] == admin
        assert spelled_anywhere(root, admin.encode()) == [
            "root/openrc", "etc/openstack_deploy/user_secrets.yml",
        ] or sorted(spelled_anywhere(root, admin.encode())) == [
            "etc/openstack_deploy/user_secrets.yml", "root/openrc",
        ]  # fmt: skip
        assert yaml.safe_load(image.config.read_text())["secrets"] == {ADMIN: None}
    assert image.at("/root/openrc").read_text() == f"export OS_PASSWORD={values[ADMIN]}\n"
    nova = image.at("/etc/nova/nova.conf").read_text()
    assert nova.count(values["nova_service_password"]) == 2
    sql = image.database_sql.read_text()
    assert database.mariadb_hash(values["nova_container_mysql_password"]) in sql
    assert not any(value in sql for value in values.values())
    hashes = [word.strip("'") for word in sql.split() if word.startswith("'$2b$")]
    assert len(hashes) == 2
    assert any(bcrypt.checkpw(values[ADMIN].encode(), one.encode()) for one in hashes)
    for kind in ("fernet", "credential"):
        folder = image.at(f"/etc/keystone/{kind}-keys")
        assert sorted(path.name for path in folder.iterdir()) == ["0", "1"]
        assert {len((folder / name).read_bytes()) for name in "01"} == {44}
    check_certificate(image)
    return values


def check_certificate(image: Layout) -> None:
    """The certificate is the CA's, and the key in haproxy's file is the certificate's."""
    pki = image.pki
    subprocess.run(
        ["openssl", "verify", "-x509_strict", "-CAfile", pki / "ca.pem", pki / "server.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(pki / "haproxy.pem")
    for name in ("ca.key", "server.key", "haproxy.pem"):
        assert (pki / name).stat().st_mode & 0o777 == 0o600
    ca = (pki / "ca.pem").read_bytes()
    assert image.at("/etc/ssl/certs/ca-certificates.crt").read_bytes().count(ca) == 1
    assert sorted(path.name for path in pki.iterdir()) == [
        "ca.key", "ca.pem", "haproxy.pem", "server.key", "server.pem",
    ]  # fmt: skip


def test_first_boot_with_a_seed(image: Layout) -> None:
    run(seeded(image))
    check_end(image, "chosen-by-hand-and-long-enough")
    names = subprocess.run(
        ["openssl", "x509", "-in", image.pki / "server.pem", "-noout", "-ext", "subjectAltName"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in ("DNS:cloud.example.org", "IP Address:192.0.2.10", "IP Address:127.0.0.1"):
        assert name in names
    assert "https://cloud.example.org:6080/vnc_lite.html" in (
        image.at("/etc/nova/nova.conf.d/50-aio-public.conf").read_text()
    )
    namespace: dict[str, Any] = {}
    horizon = image.at("/etc/openstack-dashboard/local_settings.d/_60_aio_public.py")
    exec(horizon.read_text(), namespace)
    assert {"cloud.example.org", "192.0.2.10", "127.0.0.1"} <= set(namespace["ALLOWED_HOSTS"])
    assert "'https://cloud.example.org'" in image.database_sql.read_text()


def test_first_boot_without_any_configuration(image: Layout) -> None:
    run(image)
    values = check_end(image, None)
    assert {name: len(value) for name, value in values.items()} == {
        name: entry.get("length", 40) for name, entry in SECRETS.items()
    }


def test_two_boots_of_one_image_share_nothing(tmp_path: Path) -> None:
    images = [make_image(tmp_path / name) for name in ("one", "two")]
    for image in images:
        run(image)
    one, two = (yaml.safe_load(image.secrets.read_text()) for image in images)
    assert not set(one.values()) & set(two.values())
    for name in (
        "/etc/keystone/fernet-keys/0", "/etc/keystone/fernet-keys/1",
        "/etc/keystone/credential-keys/1", "/etc/aio/pki/ca.pem", "/etc/aio/pki/server.key",
    ):  # fmt: skip
        assert images[0].at(name).read_bytes() != images[1].at(name).read_bytes(), name


def test_it_is_over_for_good(image: Layout) -> None:
    run(image)
    before = image.secrets.read_bytes()
    image.config.write_text("nonsense: [")
    run(image)
    assert image.secrets.read_bytes() == before


def test_wrong_input_is_told_before_anything_is_written(image: Layout) -> None:
    image.config.write_text("public_adress: 192.0.2.10\n")
    with pytest.raises(ApplianceProblem):
        run(image)
    said = image.at("/dev/console").read_text()
    assert '"state": "failed"' in said
    assert "line 1: public_adress: unknown key; did you mean public_address?" in said
    assert not image.secrets.exists()
    assert list(image.memory.iterdir()) == []
    image.config.write_text("public_address: 192.0.2.10\n")
    run(image)
    check_end(image, None)


def test_a_power_cut_anywhere_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as counting:
        count = cut_power_after(counting, 10**9)
        run(seeded(make_image(tmp_path / "whole")))
        total = count()
    assert total > 80
    # Every place in turn takes minutes (tests/host does); a few, other ones each time, do here.
    for calls in random.Random(os.urandom(8)).sample(range(1, total), 25):
        image = seeded(make_image(tmp_path / str(calls)))
        with monkeypatch.context() as cut, contextlib.suppress(PowerCut):
            cut_power_after(cut, calls)
            run(image)
        run(image)
        check_end(image, "chosen-by-hand-and-long-enough")


def test_power_cuts_in_a_row_still_come_to_an_end(
    image: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(image)
    cuts = 0
    while not image.personalised.exists():
        with monkeypatch.context() as cut:
            cut_power_after(cut, cuts)
            try:
                run(image)
            except PowerCut:
                cuts += 1
    assert cuts > 10
    check_end(image, "chosen-by-hand-and-long-enough")


def test_secrets_once_drawn_survive_every_stage(image: Layout) -> None:
    """Stop after each stage in turn: what was drawn first is what is there at the end."""
    first: dict[str, str] = {}
    while not image.personalised.exists():
        work = settlement.Settlement(image)
        due = [stage for stage in work.stages() if stage.name not in work.record.done]
        if not due:
            run(image)
            break
        due[0].run()
        work.record.done[due[0].name] = due[0].made_of()
        work.record.save()
        if due[0].name == "secrets":
            first = yaml.safe_load(image.secrets.read_text())
    assert check_end(image, None) == first


def test_killed_for_real(tmp_path: Path) -> None:
    image = seeded(make_image(tmp_path / "root"))
    program = (
        "import sys, pathlib\n"
        "from aio_image.appliance import cli, layout\n"
        "print('ready', flush=True)\n"
        "sys.exit(cli.main(['personalise'], layout.Layout(pathlib.Path(sys.argv[1]))))\n"
    )
    chance = random.Random(os.urandom(8))
    for _ in range(8):
        child = subprocess.Popen(
            [sys.executable, "-c", program, image.root], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(chance.uniform(0, 0.3))
        child.send_signal(signal.SIGKILL)
        child.communicate()
    subprocess.run([sys.executable, "-c", program, image.root], check=True, capture_output=True)
    check_end(image, "chosen-by-hand-and-long-enough")


def test_another_release_begins_anew(image: Layout) -> None:
    Record(image.state, "fedcba9876543210", {"secrets": ""}, {"host": "old"}).save()
    run(image)
    check_end(image, None)


def test_what_playbooks_make_waits_until_they_are_over(image: Layout) -> None:
    """Of a staged image: Keystone's keys are the playbooks' own, the rest is settled after them."""
    every = [stage.name for stage in settlement.Settlement(image).stages()]
    orders = {"format": 1, "folder": "", "wrapper": "", "runner": "", "environment": {},
              "variables": {}, "steps": [{"name": "one", "script": "one"}]}  # fmt: skip
    image.orders.write_text(json.dumps(orders))
    before = [stage.name for stage in settlement.Settlement(image).stages()]
    assert set(every) - set(before) == {"keys", "database", "hypervisor", "overrides"}
    note(image, [Done("one", 0, 0, 0.0)])
    after = [stage.name for stage in settlement.Settlement(image).stages()]
    assert set(every) - set(after) == {"keys"}


def test_certificates_inside_the_cloud_are_made_once(image: Layout) -> None:
    """A deployer that has such says so by a note; the others have no such stage."""
    assert "inner" not in [stage.name for stage in settlement.Settlement(image).stages()]
    note = {
        "format": reissue.FORMAT,
        "issued": [
            {
                "name": "broker", "by": None, "subject": ["CN = aio1"], "bits": 1024, "years": 1,
                "extensions": ["subjectAltName = DNS:aio1"],
            },
        ],
        "files": [
            {"path": "/etc/broker.key", "parts": [["key", "broker"]], "among": False},
            {"path": "/etc/broker.pem", "parts": [["certificate", "broker"]], "among": False},
        ],
    }  # fmt: skip
    image.certificates.write_text(json.dumps(note))
    for name in ("broker.key", "broker.pem"):
        image.at(f"/etc/{name}").touch(0o640)
    run(image)
    check_end(image, None)
    made = [image.at(f"/etc/{name}") for name in ("broker.pem", "broker.key")]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.load_cert_chain(*made)
    assert {path.stat().st_mode & 0o777 for path in made} == {0o640}
    before = [path.read_bytes() for path in made]
    run(image)
    assert [path.read_bytes() for path in made] == before


def test_a_note_that_does_not_fit_the_image_is_told(image: Layout) -> None:
    part = {"path": "/etc/nowhere.key", "parts": [], "among": False}
    image.certificates.write_text(json.dumps({"format": 1, "issued": [], "files": [part]}))
    with pytest.raises(ApplianceProblem, match=r"/etc/nowhere\.key: not there"):
        run(image)
