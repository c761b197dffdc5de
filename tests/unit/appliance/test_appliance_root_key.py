"""The key by which OpenStack-Ansible's playbooks reach their own host."""

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


def test_nothing_where_there_are_no_playbooks(tmp_path: Path) -> None:
    identities.settle(Layout(tmp_path))
    assert not list(tmp_path.iterdir())
