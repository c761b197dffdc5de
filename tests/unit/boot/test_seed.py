"""The seed ISO, read back from the file.

To accept a change on purpose: AIO_ACCEPT=1 pytest tests/unit/boot/test_seed.py
"""

from __future__ import annotations

import os
import resource
import stat
from pathlib import Path

import pytest
import yaml

from aio_image.appliance import config
from aio_image.appliance.ledger import Secret
from aio_image.boot.seed import CONFIG_PATH, LABEL, Seed, read_seed, write_seed
from aio_image.boot.seed.network import dhcp_of
from aio_image.boot.seed.request import config_text

GOLDEN = Path(__file__).parent / "golden" / "seed-of-a-boot"
FULL = Seed(
    hostname="aio-123456",
    config=config_text(
        {
            "public_address": "127.1.2.3",
            "secrets.keystone_auth_admin_password": "0123456789abcdef",
        }
    ),
    network=dhcp_of("52:54:00:00:00:01"),
    ssh_keys=("ssh-ed25519 AAAA me@here",),
    instance_id="aio-1",
)


def test_golden(tmp_path: Path) -> None:
    path = tmp_path / "seed.iso"
    write_seed(path, FULL)
    found = read_seed(path)
    if os.environ.get("AIO_ACCEPT"):
        GOLDEN.mkdir(exist_ok=True)
        for name, text in found.items():
            (GOLDEN / name).write_text(text, encoding="utf-8")
    assert found == {one.name: one.read_text("utf-8") for one in GOLDEN.iterdir()}


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


def test_a_replaced_file_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "seed.iso"
    path.write_text("mine")
    path.chmod(0o644)
    write_seed(path, FULL, replace=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_seed(path)["meta-data"] == FULL.files()["meta-data"]
    assert [one.name for one in tmp_path.iterdir()] == ["seed.iso"]


def test_half_a_seed_does_not_stay(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_seed(tmp_path / "seed.iso", FULL)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def test_nothing_asked_for_is_nothing_written() -> None:
    files = Seed(hostname="a", config=config_text({})).files()
    assert "network-config" not in files
    data = yaml.safe_load(files["user-data"])
    (file,) = data["write_files"]
    assert file["path"] == CONFIG_PATH
    assert config.parse(file["content"].encode(), {}) == config.Config()
    assert "ssh_authorized_keys" not in data


def test_the_appliance_reads_it() -> None:
    data = yaml.safe_load(FULL.files()["user-data"])
    name = "keystone_auth_admin_password"
    found = config.parse(
        data["write_files"][0]["content"].encode(), {name: Secret(name, 40, (), (), ())}
    )
    assert found.public_address == "127.1.2.3"
    assert found.secrets[name].value == "0123456789abcdef"


def test_the_password_is_not_in_the_representation() -> None:
    assert "0123456789abcdef" not in repr(FULL)
