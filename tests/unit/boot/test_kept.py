"""Guests that were kept: what is said of one whose libvirt cannot be asked."""

from __future__ import annotations

from pathlib import Path

from aio_image.boot import kept


def test_a_guest_whose_libvirt_does_not_answer_is_not_called_ended(tmp_path: Path) -> None:
    uri = f"qemu+unix:///system?socket={tmp_path}/no-such-socket"
    guest = kept.Kept("aio-1", uri, "127.0.0.2", "image.qcow2", str(tmp_path))
    assert kept.state(guest) == "unknown"
