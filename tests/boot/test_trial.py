"""`aio-image test` and `run` on real guests that need no operating system: fast.

What a disk with nothing on it cannot show is in test_image.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

from aio_image.boot.ports import forwards_at
from aio_image.host.reap import processes_of

pytestmark = pytest.mark.boot
_SECONDS = 240


class Desk:
    """A home, a blank disk in it, and `aio-image` run there."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.blank = folder / "blank.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", self.blank, "64M"], check=True)

    def start(self, *words: str | Path) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", "aio_image", *map(str, words), "--memory", "512", "--plain"]
        return subprocess.Popen(
            argv,
            env={**os.environ, "AIO_IMAGE_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words: str | Path) -> tuple[int, str]:
        program = self.start(*words)
        told, _ = program.communicate(timeout=_SECONDS)
        return program.returncode, told

    def guests(self) -> list[int]:
        """QEMU processes that use this home."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes()
            except OSError:
                continue
            if words.startswith(b"/usr/bin/qemu-system") and bytes(self.home) in words:
                found.append(int(path.parent.name))
        return found

    def wait_for_guest(self) -> int:
        end = time.monotonic() + _SECONDS
        while time.monotonic() < end:
            found = self.guests()
            if found:
                return found[0]
            time.sleep(0.2)
        raise AssertionError("no guest was started")

    def leftovers(self) -> list[str]:
        """What is in the home beside logs and what probes remember, and guests."""
        files = [
            str(path.relative_to(self.home))
            for path in self.home.rglob("*")
            if path.is_file() and path.relative_to(self.home).parts[0] in ("work", "appliances")
        ]
        return files + [f"process {pid}" for pid in self.guests()]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    for pid in desk.guests():
        os.kill(pid, signal.SIGKILL)


def test_a_blank_disk_fails_at_once_with_the_reason(desk: Desk, tmp_path: Path) -> None:
    junit, report, timeline = tmp_path / "j.xml", tmp_path / "r.json", tmp_path / "t.json"
    code, told = desk.run(
        "test", desk.blank, "--junit", junit, "--json-report", report, "--timeline", timeline
    )
    assert code == 6, told
    assert "the firmware found nothing to boot" in told
    assert "console: No bootable device" in told
    failure = ElementTree.parse(junit).find(".//testcase[@name='boot']/failure")
    assert failure is not None
    assert "nothing to boot" in failure.attrib["message"]
    content = json.loads(report.read_text(encoding="utf-8"))
    assert content["passed"] is False
    assert content["facts"]["firmware"] == "bios"
    moments = json.loads(timeline.read_text(encoding="utf-8"))
    assert [one["name"] for one in moments] == ["firmware"]
    assert desk.leftovers() == []


@pytest.mark.parametrize("firmware", ["uefi", "secure"])
def test_uefi(desk: Desk, firmware: str) -> None:
    code, told = desk.run("test", desk.blank, "--firmware", firmware)
    assert code == 6, told
    assert "the firmware found nothing to boot" in told
    assert desk.leftovers() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped(desk: Desk, number: signal.Signals) -> None:
    program = desk.start("test", desk.blank, "--firmware", "uefi")
    desk.wait_for_guest()
    program.send_signal(number)
    told, _ = program.communicate(timeout=60)
    assert program.returncode == 130, told
    assert f"stopped by {number.name}" in told
    assert desk.leftovers() == []


def test_killed_and_reaped_by_the_next(desk: Desk) -> None:
    program = desk.start("test", desk.blank, "--firmware", "uefi")
    guest = desk.wait_for_guest()
    program.kill()
    program.communicate(timeout=60)
    _, told = desk.run("test", desk.blank)
    assert "was killed; freed:" in told
    assert guest not in desk.guests()
    assert desk.leftovers() == []


def test_kept_and_stopped(desk: Desk) -> None:
    _, told = desk.run("test", desk.blank, "--keep")
    (note,) = (desk.home / "appliances").glob("*/appliance.json")
    kept = json.loads(note.read_text(encoding="utf-8"))
    assert f"aio-image run --stop {kept['name']}" in told
    assert len(desk.guests()) == 1
    # Nothing of it is a leftover to the next one.
    desk.run("test", desk.blank)
    assert len(desk.guests()) == 1
    _, listed = desk.run("run", "--list")
    assert kept["name"] in listed
    assert "running" in listed
    code, told = desk.run("run", "--stop", kept["name"])
    assert code == 0, told
    assert desk.leftovers() == []
    forwards_at(kept["address"], [5000, 9292])  # free again


def test_the_image_is_not_written_to(desk: Desk) -> None:
    before = desk.blank.stat().st_mtime_ns, desk.blank.read_bytes()
    desk.run("test", desk.blank)
    assert (desk.blank.stat().st_mtime_ns, desk.blank.read_bytes()) == before


def test_no_secret_where_others_look(desk: Desk) -> None:
    program = desk.start("test", desk.blank, "--firmware", "uefi")
    guest = desk.wait_for_guest()
    (seed,) = desk.home.rglob("seed.iso")
    from aio_image.boot.seed import read_seed  # noqa: PLC0415

    password = read_seed(seed)["user-data"].split("keystone_auth_admin_password: ")[1].split()[0]
    assert seed.stat().st_mode & 0o077 == 0
    assert password.encode() not in Path(f"/proc/{guest}/cmdline").read_bytes()
    program.send_signal(signal.SIGTERM)
    told, _ = program.communicate(timeout=60)
    assert password not in told
    for path in desk.home.rglob("*"):
        if path.is_file():
            assert password.encode() not in path.read_bytes()


def test_a_guest_carries_the_mark_of_its_run(desk: Desk) -> None:
    program = desk.start("test", desk.blank, "--firmware", "uefi")
    guest = desk.wait_for_guest()
    (owner,) = desk.home.glob("work/*/owner.json")
    assert guest in processes_of(owner.parent, owner.parent.name)
    program.send_signal(signal.SIGTERM)
    program.communicate(timeout=60)
