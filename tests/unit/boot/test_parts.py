"""Ports, identities, disks and the choice of an accelerator."""

from __future__ import annotations

import socket
import stat
import subprocess
from pathlib import Path

import pytest

from aio_image.boot import accelerator, disks
from aio_image.boot.identity import Identity
from aio_image.boot.ports import choose_forwards, forwards_at
from aio_image.errors import HostError, UsageError
from aio_image.host import kvm
from aio_image.paths import Home


def test_ports_keep_their_numbers_and_privileged_ones_move() -> None:
    found = choose_forwards([22, 80, 443, 25000])
    assert found.address.startswith("127.")
    assert found.ports[25000] == 25000
    assert all(host >= 1024 for host in found.ports.values())


def test_two_guests_get_addresses_of_their_own() -> None:
    first = choose_forwards([25000])
    with socket.create_server((first.address, 25000)):
        second = choose_forwards([25000])
        assert second.address != first.address
        with pytest.raises(HostError, match=f"port 25000 of {first.address}"):
            forwards_at(first.address, [25000])


def test_a_port_taken_on_every_address_is_named() -> None:
    with socket.create_server(("0.0.0.0", 0)) as everywhere:
        port = everywhere.getsockname()[1]
        with pytest.raises(HostError, match=f"port {port} of this host is in use") as told:
            choose_forwards([port])
    assert "ss -ltnp" in told.value.hint


def test_identity_is_kept_privately(tmp_path: Path) -> None:
    made = Identity.new("127.1.2.3")
    path = tmp_path / "disk.qcow2.identity.json"
    made.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Identity.load(path) == made
    assert made.password not in repr(made)
    assert len(made.password) == 40
    assert made.password.isalnum()


@pytest.mark.parametrize("content", [None, "", "{}", '{"name": 1, "x": 2}', "[]"])
def test_a_damaged_identity_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "i.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=r"i\.json: this disk's identity cannot be read"):
        Identity.load(path)


def test_overlays_leave_the_image_alone(tmp_path: Path) -> None:
    image, overlay = tmp_path / "i.qcow2", tmp_path / "o.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "8M"], check=True)
    before = image.read_bytes()
    disks.make_overlay(image, "qcow2", overlay)
    assert disks.image_format(overlay) == "qcow2"
    subprocess.run(["qemu-io", "-c", "write 0 1M", overlay], check=True, capture_output=True)
    assert image.read_bytes() == before


@pytest.mark.parametrize(("content", "message"), [(None, "no such image"), (b"", "is empty")])
def test_what_is_no_image_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    image = tmp_path / "x.qcow2"
    if content is not None:
        image.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        disks.image_format(image)


def test_a_damaged_qcow2_is_refused(tmp_path: Path) -> None:
    image = tmp_path / "x.qcow2"
    image.write_bytes(b"QFI\xfb\x00\x00\x00\x03" + b"\xff" * 200)
    with pytest.raises(UsageError, match="is not a disk image to boot"):
        disks.image_format(image)


@pytest.fixture
def qemu_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that says to be QEMU 7.2, as Debian 12's does."""
    program = tmp_path / "qemu-system-x86_64"
    program.write_text("#!/bin/sh\necho 'QEMU emulator version 7.2.15 (Debian)'\n")
    program.chmod(0o755)
    monkeypatch.setattr(kvm, "QEMU", str(program))
    return program


@pytest.mark.usefixtures("qemu_on_path")
def test_old_qemu_is_refused_under_tcg(tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"QEMU 7\.2 without KVM .*8\.0 or later") as told:
        accelerator.choose(Home(tmp_path), "tcg")
    assert "backports" in told.value.hint


def test_tcg_has_more_time() -> None:
    slow = accelerator.limits("tcg", 240, 60)
    fast = accelerator.limits("kvm", 240, 60)
    assert fast.healthy == 240
    assert slow.healthy == 8 * fast.healthy
    assert slow.request == 8 * fast.request
