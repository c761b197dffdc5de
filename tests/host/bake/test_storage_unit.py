"""aio-storage.service under a real systemd: who needs a disk waits for it, and starts by itself."""

from __future__ import annotations

from pathlib import Path

from aio_image.appliance import units
from aio_image.bake import nspawn
from aio_image.host import trees
from tests.host.bake.conftest import Private
from tests.waiting import wait_for

UNIT = Path(units.__file__).parent / "files/units/aio-storage.service"
# A container may have no loop devices: what the unit runs is not in question here.
INSTEAD = """
[Unit]
ConditionVirtualization=
Requires=
After=
[Service]
ExecStart=
ExecStart=/bin/sh -c 'test -e /disk || { echo no disk; exit 1; }'
ExecStop=
ExecStop=/bin/true
RestartSec=1
RestartMaxDelaySec=2
"""
PERSONALISE = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n"
USER = """
[Unit]
Requires=aio-storage.service
After=aio-storage.service
[Service]
Type=exec
ExecStart=/bin/sleep infinity
"""


def test_who_needs_a_disk_waits_for_it(small: Path, tmp_path: Path, private: Private) -> None:
    (tmp_path / "out").mkdir()

    def state(container: nspawn.Container, name: str) -> units.Unit:
        said = container.run(["systemctl", "show", f"--property={units._PROPERTIES}", name])
        return units.parse([name], said.output)[name]

    def body() -> None:
        with trees.writable([small], tmp_path / "out", tmp_path / "work") as root:
            system = root / "etc/systemd/system"
            (system / "aio-storage.service").write_text(UNIT.read_text())
            (system / "aio-personalise.service").write_text(PERSONALISE)
            (system / "user.service").write_text(USER)
            (system / "aio-storage.service.d").mkdir()
            (system / "aio-storage.service.d/test.conf").write_text(INSTEAD)
            with nspawn.booted(root, console=tmp_path / "console") as container:
                container.run(["systemctl", "start", "--no-block", "user.service"])
                assert wait_for(lambda: state(container, "aio-storage.service").tries >= 2)
                # Told as failed, while who waits neither has failed nor was started.
                assert state(container, "aio-storage.service").failed
                assert state(container, "user.service").state == "inactive (dead)"
                assert container.failed_units() == []
                container.run(["touch", "/disk"])
                assert wait_for(lambda: state(container, "user.service").active)
                found = state(container, "aio-storage.service")
                assert (found.active, found.failed) == (True, False)

    private(body)
