"""Whether KVM can really run a guest here, and which accelerator to use.

``/dev/kvm`` opens, and firmware even runs, on hosts whose processor cannot virtualise (KVM
there emulates): a kernel then hangs or dies. So the probe is a guest that does what a kernel does
(kvm_probe.S: long mode, paging, SSE, locked instructions, many of them), and tells QEMU at
its end to exit with a number of ours.
"""

from __future__ import annotations

import os
import re
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aio_image.errors import HostError
from aio_image.host.probes import remembered
from aio_image.host.process import run
from aio_image.paths import Home

QEMU = "qemu-system-x86_64"
KVM = Path("/dev/kvm")
PROBE_SECONDS = 8.0

# Under TCG, QEMU before 8 stops Debian 13's kernel in cmpxchg16b (seen with Debian 12's 7.2).
TCG_GOOD_SINCE = (8, 0)

# The guest, assembled from kvm_probe.S (beside this file), and where its parts lie in the ROM:
# the code, and the jump to it where a processor starts.
_ROM_SIZE = 0x10000
_CODE_AT = 0xF000
_CODE = bytes.fromhex(
    "fa2e660f0116e8f00f20c06683c8010f22c066ea1af00f00080066b810008ed8"
    "8ec08ed0fcbf0010000031c0b900100000f3abc7050010000003200000c70500"
    "20000003300000c7050030000083000000b8200600000f22e0b8001000000f22"
    "d8b9800000c00f320d000100000f300f20c025fbffff9f0d020000800f22c0ea"
    "86f00f001800be00400000bf0024f400b901000000f0480fc14e4066480f6ec1"
    "660fd4c8f30f7f4e20ffcf75e3488b06488b5608bb2a00000031c9f0480fc70e"
    "8a0666ba0105eef40000000000000000ffff0000009bcf00ffff00000093cf00"
    "ffff0000009baf001f00c8f00f000000"
)
_START_AT = 0xFFF0
_START = bytes.fromhex("ea00f000f0")
# isa-debug-exit ends QEMU with (value << 1) | 1 (QEMU, hw/misc/debugexit.c).
PROBE_GUEST_RAN = (0x2A << 1) | 1


@dataclass(frozen=True)
class Accelerator:
    """What runs guests here: ``name`` is kvm or tcg; ``reason`` says why it is not kvm."""

    name: str
    reason: str = ""


def accelerator(home: Home, *, again: bool = False) -> Accelerator:
    """The accelerator guests are to be run with.

    The first call of a boot takes up to 8 s; what it found is kept in ``home`` until
    the host's next boot or until ``again``.
    """
    reason = remembered(home.root / "probes.json", "kvm", kvm_trouble, again=again)
    return Accelerator("tcg", reason) if reason else Accelerator("kvm")


def kvm_trouble(seconds: float = PROBE_SECONDS) -> str:
    """Why KVM is not usable, in one line; empty when a guest ran. Takes up to ``seconds``."""
    if not KVM.exists():
        return f"there is no {KVM}"
    if not os.access(KVM, os.R_OK | os.W_OK):
        return f"{KVM} is there but this user may not open it"
    try:
        status, said = run_probe_guest("kvm", "host", seconds)
    except TimeoutError as error:
        about = f" ({error})" if str(error) else ""
        return f"{KVM} opens, but a guest hangs: no end after {seconds:.0f} s{about}"
    except HostError as error:
        return error.message
    if status == PROBE_GUEST_RAN:
        return ""
    return f"{KVM} opens, but a guest does not run: {said or f'QEMU exits with {status}'}"


def run_probe_guest(name: str, cpu: str, seconds: float) -> tuple[int, str]:
    """Run the probe guest with the accelerator ``name``: QEMU's exit status, its first complaint.

    The status is PROBE_GUEST_RAN when the guest came to its end. Raises TimeoutError (with the
    complaint) when there is no end in time, HostError when QEMU is missing.
    """
    rom = bytearray(_ROM_SIZE)
    rom[_CODE_AT : _CODE_AT + len(_CODE)] = _CODE
    rom[_START_AT : _START_AT + len(_START)] = _START
    with tempfile.TemporaryDirectory(prefix="aio-image-kvm-") as folder:
        firmware = Path(folder, "probe.rom")
        firmware.write_bytes(rom)
        done = run(
            ["timeout", "--signal=KILL", f"{seconds}", QEMU, "-accel", name, "-cpu", cpu,
             "-machine", "pc", "-m", "16", "-nodefaults", "-no-user-config", "-display", "none",
             "-bios", firmware, "-device", "isa-debug-exit,iobase=0x501,iosize=1"],
            check=False,
        )  # fmt: skip
    said = [line for line in done.errors.splitlines() if line and "warning:" not in line]
    first = said[0].removeprefix(f"{QEMU}: ").removeprefix("error: ") if said else ""
    if done.status in (-signal.SIGKILL, 128 + signal.SIGKILL):
        raise TimeoutError(first)
    if done.status == 127:
        raise HostError(f"{QEMU} is not installed", hint="run `make setup`")
    return done.status, first


def qemu_version() -> tuple[int, int] | None:
    """QEMU's major and minor version; None when it is missing or says none."""
    try:
        said = run([QEMU, "--version"], check=False).output
    except HostError:
        return None
    found = re.search(r"version (\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else None


def nested_setting() -> str:
    """What the kernel says about guests within guests: Y, N, or empty where KVM is not loaded."""
    for module in ("kvm_intel", "kvm_amd"):
        setting = Path(f"/sys/module/{module}/parameters/nested")
        if setting.exists():
            value = setting.read_text(encoding="ascii").strip()
            return {"1": "Y", "0": "N"}.get(value, value)
    return ""
