"""The ssh keys of OpenStack-Ansible's playbooks: root's own, and the authority of services."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from aio_image.appliance import identities
from aio_image.appliance.layout import Layout

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")
SSH = "root/.ssh"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    place = tmp_path / "etc/openstack_deploy/openstack_user_config.yml"
    place.parent.mkdir(parents=True)
    place.touch()
    return tmp_path


def test_it_is_let_in_beside_who_is_already(machine: Path) -> None:
    allowed = machine / SSH / "authorized_keys"
    allowed.parent.mkdir(parents=True)
    allowed.write_text("ssh-ed25519 AAAA somebody")
    identities.settle(Layout(machine))
    key = machine / SSH / "id_rsa"
    shown = subprocess.run(
        ["ssh-keygen", "-y", "-f", key], capture_output=True, text=True, check=True
    )
    first, second = allowed.read_text().splitlines()
    assert first == "ssh-ed25519 AAAA somebody"
    assert second.split()[:2] == shown.stdout.split()[:2]
    assert {path.stat().st_mode & 0o777 for path in (key, allowed)} == {0o600}
    before = {path: path.read_bytes() for path in (machine / SSH).iterdir()}
    identities.settle(Layout(machine))
    assert {path: path.read_bytes() for path in (machine / SSH).iterdir()} == before
    assert not list((machine / "run/aio").iterdir())


def test_half_a_key_is_drawn_again(machine: Path) -> None:
    key = machine / SSH / "id_rsa"
    key.parent.mkdir(parents=True)
    key.write_bytes(b"")
    identities.settle(Layout(machine))
    subprocess.run(["ssh-keygen", "-y", "-f", key], capture_output=True, check=True)


def test_services_trust_an_authority_of_this_appliance(machine: Path) -> None:
    trusting = machine / "etc/ssh/sshd_config.d/00-openstack-ansible-trusted-ca.conf"
    trusting.parent.mkdir(parents=True)
    trusting.write_text("TrustedUserCAKeys /etc/ssh/trusted_ca\n")
    (machine / "etc/ssh/trusted_ca.d").mkdir()
    identities.settle(Layout(machine))
    key = machine / "etc/openstack_deploy/ssh_keypairs/OpenStack-Ansible-SSH-Signing-Key"
    assert key.stat().st_mode & 0o777 == 0o600
    public = Path(f"{key}.pub").read_bytes()
    assert (machine / "etc/ssh/trusted_ca").read_bytes() == public
    assert (machine / "etc/ssh/trusted_ca.d" / key.name).read_bytes() == public
    owner = machine / "owner"
    for words in (["-q", "-N", "", "-f", owner], ["-q", "-s", key, "-I", "x", f"{owner}.pub"]):
        subprocess.run(["ssh-keygen", *words], check=True, capture_output=True)
    assert Path(f"{owner}-cert.pub").exists()
    identities.settle(Layout(machine))
    assert Path(f"{key}.pub").read_bytes() == public


def test_an_authority_drawn_anew_is_trusted_where_one_was_before(machine: Path) -> None:
    """As after a rebuild that left sshd's own files as they were."""
    trusting = machine / "etc/ssh/sshd_config.d/00-openstack-ansible-trusted-ca.conf"
    trusting.parent.mkdir(parents=True)
    trusting.touch()
    key = machine / "etc/openstack_deploy/ssh_keypairs/OpenStack-Ansible-SSH-Signing-Key"
    trusted = [machine / "etc/ssh/trusted_ca", machine / "etc/ssh/trusted_ca.d" / key.name]
    identities.settle(Layout(machine))
    before = Path(f"{key}.pub").read_text()
    trusted[0].write_text(f"{before}ssh-ed25519 AAAA an owner's authority")
    for half in (key, Path(f"{key}.pub")):
        half.unlink()
    identities.settle(Layout(machine))
    public = Path(f"{key}.pub").read_text()
    assert public != before
    for path in trusted:
        assert public in path.read_text().splitlines(keepends=True)
    assert "ssh-ed25519 AAAA an owner's authority" in trusted[0].read_text().splitlines()
    whole = [path.read_bytes() for path in trusted]
    identities.settle(Layout(machine))
    assert [path.read_bytes() for path in trusted] == whole


def test_nobody_is_trusted_where_sshd_asks_for_no_authority(machine: Path) -> None:
    identities.settle(Layout(machine))
    assert not (machine / "etc/ssh").exists()


def test_nothing_where_there_are_no_playbooks(tmp_path: Path) -> None:
    identities.settle(Layout(tmp_path))
    assert not list(tmp_path.iterdir())
