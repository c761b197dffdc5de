"""What the console tells, from lines as real guests wrote them, and from anything at all."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aio_image.boot.console import (
    ConsoleFile,
    ConsoleParser,
    Fatal,
    Milestone,
    Observation,
    Progress,
    UnitLine,
    strip,
)


def tell(data: bytes) -> list[Observation]:
    return list(ConsoleParser().feed(data))


LINE = {
    "stage": "services",
    "done": 3,
    "total": 9,
    "state": "working",
    "detail": "keystone answers",
    "uptime": 41.2,
}
PROGRESS = Progress("services", 3, 9, "working", "keystone answers", 41.2)


def aio(**changes: object) -> bytes:
    return b"AIO " + json.dumps({**LINE, **changes}).encode() + b"\r\n"


def test_progress() -> None:
    assert tell(aio()) == [PROGRESS]


def test_progress_amid_other_writing() -> None:
    assert tell(b"[   41.3] random: " + aio()[:-2] + b"[  OK  ] more\n") == [PROGRESS]


@pytest.mark.parametrize(
    "torn",
    [
        b'AIO {"stage": "serv[   41.2] usb 1-1: new device\n',
        b"AIO {}\n",
        b'AIO {"stage": 1, "done": "x", "total": 2, "state": "working"}\n',
        b'AIO {"stage": "a", "done": 1e999, "total": 2, "state": "working"}\n',
        b"AIO " + b"[" * 5000 + b"\n",
        b"AIO {" + b'"a":[' * 3000 + b"\n",
    ],
)
def test_torn_progress_is_passed_over(torn: bytes) -> None:
    assert tell(torn) == []


@pytest.mark.parametrize(
    ("line", "unit", "outcome"),
    [
        ("[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mssh.service\x1b[0m - OpenBSD Secure Shell"
         " server.", "ssh.service", "up"),
        ("[\x1b[0;32m  OK  \x1b[0m] Finished \x1b[0;1;39maio-mini.service\x1b[0m.",
         "aio-mini.service", "up"),
        ("[\x1b[0;1;31mFAILED\x1b[0m] Failed to start \x1b[0;1;39mnova-compute.service\x1b[0m - "
         "OpenStack Compute.", "nova-compute.service", "failed"),
        ("[FAILED] Failed to mount proc-sys-fs-binfmt_misc.mount - Executable File.",
         "proc-sys-fs-binfmt_misc.mount", "failed"),
        # With StatusUnitFormat=name, as our images say it: never cut, however long.
        ("[\x1b[0;1;31mFAILED\x1b[0m] Failed to start "
         "\x1b[0;1;39mneutron-ovn-maintenance-worker.service\x1b[0m.",
         "neutron-ovn-maintenance-worker.service", "failed"),
        ("[ TIME ] Timed out waiting for device dev-ttyS0.device.", "dev-ttyS0.device", "failed"),
        ("[DEPEND] Dependency failed for nova-api.service - OpenStack API.",
         "nova-api.service", "dependency"),
        ("[ TIME ] Timed out waiting for device dev-vdb.device - /dev/vdb.",
         "dev-vdb.device", "failed"),
        ("[  OK  ] Started OpenBSD Secure Shell server.", "OpenBSD Secure Shell server", "up"),
    ],
)  # fmt: skip
def test_units(line: str, unit: str, outcome: str) -> None:
    assert tell(line.encode() + b"\r\n") == [UnitLine(unit, outcome)]


@pytest.mark.parametrize(
    "line",
    [
        "[  OK  ] Reached target multi-user.target - Multi-User System.",
        "         Starting ssh.service - OpenBSD Secure Shell server...",
        "[  OK  ] Stopped target paths.target.",
        "aio kernel: nothing panics here",
        "See 'systemctl status nova-compute.service' for details.",
    ],
)
def test_nothing_to_tell(line: str) -> None:
    assert tell(line.encode() + b"\n") == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[    1.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
         "kernel panic: VFS: Unable to mount root fs on unknown-block(0,0)"),
        ("You are in emergency mode. After logging in, type \"journalctl -xb\"",
         "systemd gave up and opened its emergency shell"),
        ("BusyBox v1.37.0 (Debian 1:1.37.0-6+b8) built-in shell (ash)",
         "the initramfs opened its shell: the root file system was not found"),
        ("BdsDxe: No bootable option or device was found.",
         "the firmware found nothing to boot"),
        ("\x1b[2J\x1b[01;01HUEFI Interactive Shell v2.2", "the firmware found nothing to boot"),
        ("No bootable device.", "the firmware found nothing to boot"),
        ('BdsDxe: failed to load Boot0001 "UEFI Misc Device" from PciRoot(0x0): Access Denied',
         "Secure Boot refused the boot loader (Access Denied)"),
        ("[   60.1] Out of memory: Killed process 812 (nova-api) total-vm:1kB, anon-rss:2kB",
         "the guest ran out of memory; its kernel killed nova-api"),
        ("[   3.0] systemd[1]: aio-personalise.service: Job openvswitch-switch.service/start "
         "deleted to break ordering cycle starting with aio-personalise.service/start",
         "systemd left out openvswitch-switch.service/start to break an ordering cycle"),
    ],
)  # fmt: skip
def test_fatal(line: str, reason: str) -> None:
    (found,) = [one for one in tell(line.encode() + b"\n") if isinstance(one, Fatal)]
    assert found.reason == reason
    assert found.hint


@pytest.mark.parametrize("prompt", [b"grub rescue> ", b"grub> ", b"(initramfs) "])
def test_fatal_prompts_end_no_line_and_are_told_once(prompt: bytes) -> None:
    parser = ConsoleParser()
    first = list(parser.feed(b"error: unknown filesystem.\r\n\x1b[0m" + prompt))
    assert [type(one) for one in first] == [Fatal]
    assert list(parser.feed(b"")) == []


def test_milestones_in_order() -> None:
    text = (
        b"SeaBIOS (version 1.16.3-debian)\r\n"
        b"Welcome to GRUB!\r\n"
        b"[    0.000000] Linux version 6.12.107+deb13-cloud-amd64\r\n"
        b"Welcome to \x1b[1mDebian GNU/Linux 13 (trixie)\x1b[0m!\r\n"
        b"aio-123456 login: "
    )
    names = [one.name for one in tell(text) if isinstance(one, Milestone)]
    assert names == ["firmware", "boot loader", "kernel", "systemd", "log-in prompt"]


def test_the_tail_is_clean_and_bounded() -> None:
    parser = ConsoleParser()
    for number in range(500):
        list(parser.feed(f"\x1b[31mline {number}\x1b[0m\r\n\r\n".encode()))
    list(parser.feed(b"unfinished"))
    assert parser.tail[-2:] == ("line 499", "unfinished")
    assert len(parser.tail) < 100


def test_a_line_without_end_is_cut() -> None:
    parser = ConsoleParser()
    for _ in range(100):
        list(parser.feed(b"x" * 4096))
    assert len(parser.tail[-1]) <= 16 * 1024


@given(st.binary(max_size=400))
def test_anything_is_taken(data: bytes) -> None:
    parser = ConsoleParser()
    list(parser.feed(data))
    assert all("\x1b[" not in line for line in parser.tail)


@given(st.text(max_size=200))
def test_strip_leaves_no_control_characters(text: str) -> None:
    assert not [c for c in strip(text) if ord(c) < 32 and c not in "\t\n"]


WHOLE = (
    aio()
    + "[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mglance-api.service\x1b[0m - Op…\r\n".encode()
    + aio(state="healthy", detail="é")
)


@given(st.lists(st.integers(0, len(WHOLE)), max_size=8))
def test_how_it_is_cut_makes_no_difference(cuts: list[int]) -> None:
    parser = ConsoleParser()
    edges = [0, *sorted(cuts), len(WHOLE)]
    found: list[Observation] = []
    for start, end in pairwise(edges):
        found += parser.feed(WHOLE[start:end])
    assert found == tell(WHOLE)


@given(
    stage=st.text(max_size=20),
    detail=st.text(max_size=60),
    done=st.integers(0, 10**6),
    uptime=st.floats(0, 1e6),
)
def test_what_an_appliance_says_arrives(stage: str, detail: str, done: int, uptime: float) -> None:
    (found,) = tell(aio(stage=stage, detail=detail, done=done, uptime=uptime))
    assert found == Progress(stage, done, 9, "working", detail, uptime)


def test_a_file_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "console.log"
    path.write_bytes(b"one")
    file = ConsoleFile(path)
    assert file.new_bytes() == b"one"
    assert file.new_bytes() == b""
    with path.open("ab") as more:
        more.write(b"two")
    assert file.new_bytes() == b"two"
