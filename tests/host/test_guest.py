"""A real guest of QEMU's, with nothing to boot: whether it runs, and what its processors do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aio_image.boot import hypervisor, processors
from aio_image.boot.appliance import Machine, booted
from aio_image.paths import Home

pytestmark = pytest.mark.host


def test_why_a_guest_does_not_run(tmp_path: Path) -> None:
    image, home, room = tmp_path / "blank.qcow2", Home(tmp_path / "home"), tmp_path / "room"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "64M"], check=True)
    room.mkdir(mode=0o711)
    machine = Machine(image, (22,), memory=128, cpus=2, healthy=10, check=5, accelerator="tcg")
    with booted(machine, home, room, tmp_path / "console.log") as guest:
        assert hypervisor.halted(guest.domain) == ""
        lines = processors.doing(guest.domain)
        assert [line.partition(": ")[0] for line in lines] == ["processor 0", "processor 1"]
        guest.domain.suspend()
        assert "the guest is paused" in hypervisor.halted(guest.domain)
        guest.domain.destroy()
        assert "switched itself off" in hypervisor.halted(guest.domain)
        assert processors.doing(guest.domain) == []
