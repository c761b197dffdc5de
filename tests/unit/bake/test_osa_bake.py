"""What the build made up is taken out, and made anew by the appliance: PKI, by real openssl."""

from __future__ import annotations

import json
import re
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
import yaml

from aio_image.appliance import reissue
from aio_image.appliance.layout import Layout
from aio_image.bake.canary import canary
from aio_image.bake.osa import certificates
from aio_image.bake.osa.bake import forget_secrets
from aio_image.bake.osa.idle import idle
from aio_image.deployers.openstack_ansible.deploying import deployment, secrets_of
from aio_image.errors import BuildError

ROOT, SIGNER, SERVER = "ExampleCorpRoot", "ExampleCorpIntermediate", "galera_aio1"
# A service's configuration is in its virtual environment, /etc has a link to it.
VENV_KEY = "openstack/venvs/neutron-33.0.1/etc/neutron/neutron_ovn.key"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"
# As the role has it, but for keys of 4096 bits, which take a second each.
BITS = "2048"


def openssl(*words: str | Path) -> str:
    done = subprocess.run(["openssl", *map(str, words)], capture_output=True, text=True, check=True)
    return done.stdout


def issue(pki: Path, name: str, subject: str, extensions: str, by: str | None) -> None:
    """A certificate where the role `pki` puts it."""
    own = pki / "roots" / name
    if by is None or "CA:TRUE" in extensions:
        key, request = own / f"private/{name}.key.pem", own / "csr/ca_csr-1000.csr"
        made = own / f"certs/{name}-1000.crt"
    else:
        key, request = pki / f"certs/private/{name}.key.pem", pki / f"certs/csr/{name}.csr"
        made = pki / f"certs/certs/{name}.crt"
    for path in (key, request, made):
        path.parent.mkdir(parents=True, exist_ok=True)
    openssl("req", "-new", "-newkey", f"rsa:{BITS}", "-noenc", "-subj", subject,
            "-keyout", key, "-out", request)  # fmt: skip
    more = pki / "extensions"
    more.write_text(extensions)
    home = pki / "roots" / (by or name)
    signer: list[str | Path] = ["-CA", home / f"certs/{by}.crt"]
    signer += ["-CAkey", home / f"private/{by}.key.pem"]
    openssl("x509", "-req", "-in", request, "-out", made, "-days", "3650", "-extfile", more,
            *(signer if by else ["-signkey", key]))  # fmt: skip
    more.unlink()
    made.with_name(f"{made.name}.info").write_text("serial_number: 1\n")
    if made.name.endswith("-1000.crt"):
        made.with_name(f"{name}.crt").symlink_to(made.name)


def copy(root: Path, target: str, *sources: Path, mode: int = 0o644) -> Path:
    path = root / target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(source.read_bytes() for source in sources))
    path.chmod(mode)
    return path


@pytest.fixture
def tree(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "tree", symlinks=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("made")
    pki = tmp_path / certificates.FOLDER
    usage = "keyUsage = digitalSignature, cRLSign, keyCertSign"
    ca = f"basicConstraints = critical, CA:TRUE{{}}\n{usage}\n"
    issue(pki, ROOT, "/C=GB/CN=Example Corp Root CA", ca.format(""), None)
    issue(pki, SIGNER, "/C=GB/CN=Example $Corp# Intermediate", ca.format(", pathlen:0"), ROOT)
    names = (
        "subjectAltName = DNS:aio1, IP:172.29.236.100\nextendedKeyUsage = serverAuth, clientAuth"
    )
    issue(pki, SERVER, "/CN=aio1", names, SIGNER)
    root, signer = (pki / f"roots/{name}/certs/{name}.crt" for name in (ROOT, SIGNER))
    server, key = pki / f"certs/certs/{SERVER}.crt", pki / f"certs/private/{SERVER}.key.pem"
    copy(tmp_path, f"{certificates.FOLDER}/certs/certs/{SERVER}-chain.crt", server, signer)
    copy(tmp_path, "etc/mysql/ssl/galera.key", key, mode=0o600)
    copy(tmp_path, VENV_KEY, key, mode=0o600)
    copy(tmp_path, "etc/ssl/certs/galera.pem", server, signer)
    copy(tmp_path, "etc/haproxy/ssl/both.pem", server, signer, root, key, mode=0o644)
    copy(tmp_path, f"usr/local/share/ca-certificates/{ROOT}.crt", root)
    other = tmp_path / "other"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc",
            "-subj", "/CN=Somebody else", "-keyout", other,
            "-out", tmp_path / "other.crt")  # fmt: skip
    copy(tmp_path, BUNDLE, tmp_path / "other.crt", root)
    return tmp_path


def test_no_private_key_is_left_in_the_tree(tree: Path) -> None:
    emptied = certificates.take_out(tree)
    copies = {"/etc/mysql/ssl/galera.key", "/etc/haproxy/ssl/both.pem", f"/{VENV_KEY}"}
    assert copies < set(emptied)
    assert len(emptied) == 6
    left = [path for top in ("etc", "openstack") for path in (tree / top).rglob("*")]
    left = [path for path in left if path.is_file()]
    assert not [path for path in left if b"PRIVATE KEY" in path.read_bytes()]
    assert not [path for path in left if path.suffix == ".info"]
    assert (tree / "etc/mysql/ssl/galera.key").stat().st_mode & 0o777 == 0o600


def test_signers_are_noted_before_what_they_sign(tree: Path) -> None:
    certificates.take_out(tree)
    note = json.loads((tree / certificates.NOTE).read_text())
    assert [(one["name"], one["by"]) for one in note["issued"]] == [
        (ROOT, None), (SIGNER, ROOT), (SERVER, SIGNER)
    ]  # fmt: skip
    assert {one["bits"] for one in note["issued"]} == {int(BITS)}
    assert [one["path"] for one in note["files"] if one["among"]] == [f"/{BUNDLE}"]


def test_the_appliance_makes_all_of_it_anew(tree: Path) -> None:
    server = tree / "etc/ssl/certs/galera.pem"
    before = openssl("x509", "-in", server, "-noout", "-subject", "-ext", "subjectAltName")
    old = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    certificates.take_out(tree)
    layout = Layout(tree)
    table = reissue.load(tree / certificates.NOTE)
    reissue.renew(layout, table)

    assert openssl("x509", "-in", server, "-noout", "-subject", "-ext", "subjectAltName") == before
    for path, content in old.items():
        if b"PRIVATE KEY" in content and path.name != "other":
            assert path.read_bytes() != content, path
            assert path.read_bytes().count(b"PRIVATE KEY") == 2, path
    root = tree / f"usr/local/share/ca-certificates/{ROOT}.crt"
    openssl("verify", "-x509_strict", "-CAfile", root, "-untrusted", server, server)
    assert (tree / "etc/haproxy/ssl/both.pem").stat().st_mode & 0o777 == 0o640
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tree / "etc/haproxy/ssl/both.pem")
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
        server, tree / "etc/mysql/ssl/galera.key"
    )
    request = tree / certificates.FOLDER / f"certs/csr/{SERVER}.csr"
    of_request = openssl("req", "-in", request, "-noout", "-pubkey")
    assert of_request == openssl("x509", "-in", server, "-noout", "-pubkey")
    assert not list(layout.run.iterdir())


def test_once_more_leaves_one_of_each_in_the_bundle(tree: Path) -> None:
    certificates.take_out(tree)
    table = reissue.load(tree / certificates.NOTE)
    for _ in range(2):
        reissue.renew(Layout(tree), table)
        bundle = (tree / BUNDLE).read_bytes()
        assert bundle.count(b"BEGIN CERTIFICATE") == 2
        root = (tree / f"usr/local/share/ca-certificates/{ROOT}.crt").read_bytes()
        assert root.strip() in bundle


def test_a_key_among_other_things_is_refused(tree: Path) -> None:
    key = (tree / "etc/mysql/ssl/galera.key").read_text()
    (tree / "etc/thing.conf").write_text(f"[main]\nkey = here\n{key}")
    with pytest.raises(BuildError, match=re.escape("/etc/thing.conf")):
        certificates.take_out(tree)


def test_a_signer_that_is_not_there_is_named(tree: Path) -> None:
    pki = tree / certificates.FOLDER
    shutil.rmtree(pki / "roots" / SIGNER)
    with pytest.raises(BuildError, match=f"nobody there has signed {SERVER}"):
        certificates.take_out(tree)


def test_only_uuids_are_left_of_the_secrets_of_the_build(tmp_path: Path) -> None:
    names = ("nova_service_password", "heat_auth_encryption_key", "designate_pool_uuid")
    secrets = secrets_of(names, canary, "0123456789abcdef")
    path = tmp_path / "etc/openstack_deploy/user_secrets.yml"
    path.parent.mkdir(parents=True)
    path.write_text(yaml.safe_dump(secrets))
    path.chmod(0o600)
    forget_secrets(tmp_path)
    assert yaml.safe_load(path.read_text()) == {
        "designate_pool_uuid": secrets["designate_pool_uuid"]
    }
    assert path.stat().st_mode & 0o777 == 0o600


def test_units_are_idle_for_as_long_as_a_tree_is_worked_on(tmp_path: Path) -> None:
    kept = tmp_path / "etc/systemd/system/iscsid.service.d/10-own.conf"
    kept.parent.mkdir(parents=True)
    kept.write_text("[Unit]\n")
    with idle(tmp_path):
        for unit in deployment().idle:
            (one,) = (tmp_path / f"etc/systemd/system/{unit}.d").glob("*-aio-build.conf")
            # An empty ExecStart takes the unit's own away.
            assert "ExecStart=\nExecStart=/bin/true\n" in one.read_text()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [kept]
