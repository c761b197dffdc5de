"""The seed ISO, read back from the file, and its text against golden files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from aio_image.appliance.config import KEYS
from aio_image.boot.seed import CONFIG_PATH, LABEL, Seed, read_seed, write_seed

FULL = Seed(
    hostname="aio-123456",
    mac="52:54:00:00:00:01",
    public_address="127.1.2.3",
    secrets={"keystone_auth_admin_password": "0123456789abcdef"},
    ssh_keys=("ssh-ed25519 AAAA me@here",),
    instance_id="aio-1",
)
USER_DATA = """\
#cloud-config
write_files:
- path: /etc/aio/config.yaml
  permissions: '0600'
  owner: root:root
  content: |
    public_address: 127.1.2.3
    secrets:
      keystone_auth_admin_password: 0123456789abcdef
ssh_authorized_keys:
- ssh-ed25519 AAAA me@here
"""
META_DATA = "instance-id: aio-1\nlocal-hostname: aio-123456\n"
NETWORK = """\
version: 2
ethernets:
  public:
    match:
      macaddress: '52:54:00:00:00:01'
    dhcp4: true
"""


def test_golden(tmp_path: Path) -> None:
    path = tmp_path / "seed.iso"
    write_seed(path, FULL)
    assert read_seed(path) == {
        "user-data": USER_DATA,
        "meta-data": META_DATA,
        "network-config": NETWORK,
    }


def test_label_and_rights(tmp_path: Path) -> None:
    path = tmp_path / "seed.iso"
    write_seed(path, FULL)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # ISO 9660, 8.4.6: the volume's name is 32 bytes at 40 of the primary descriptor (sector 16).
    descriptor = path.read_bytes()[16 * 2048 :][:2048]
    assert descriptor[40:72].decode("ascii").rstrip() == LABEL


def test_rock_ridge_names_are_what_linux_sees(tmp_path: Path) -> None:
    path = tmp_path / "seed.iso"
    write_seed(path, FULL)
    # The names of Rock Ridge's NM entries stand in the image as they are.
    content = path.read_bytes()
    assert all(name in content for name in (b"user-data", b"meta-data", b"network-config"))


def test_an_existing_file_is_not_written_through(tmp_path: Path) -> None:
    path = tmp_path / "seed.iso"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        write_seed(path, FULL)
    assert not (tmp_path / "elsewhere").exists()


def test_nothing_asked_for_is_nothing_written() -> None:
    data = yaml.safe_load(Seed(hostname="a", mac="52:54:00:00:00:01").files()["user-data"])
    (file,) = data["write_files"]
    assert file["path"] == CONFIG_PATH
    assert yaml.safe_load(file["content"]) == {}
    assert "ssh_authorized_keys" not in data


def test_the_appliance_knows_every_key() -> None:
    data = yaml.safe_load(FULL.files()["user-data"])
    config = yaml.safe_load(data["write_files"][0]["content"])
    assert set(config) <= set(KEYS)


def test_the_password_is_not_in_the_representation() -> None:
    assert "0123456789abcdef" not in repr(FULL)
