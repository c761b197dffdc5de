"""A guest that proves whether guests run: see ``host/kvm_probe.S``, of which this is the binary.

Used by the build host and by the appliance alike, which decides by it at each boot.
"""

from __future__ import annotations

from pathlib import Path

QEMU = "qemu-system-x86_64"

# Where the parts of the ROM lie: the code, and the jump to it where a processor starts.
_ROM_SIZE = 0x10000
CODE_AT = 0xF000
CODE = bytes.fromhex(
    "fa2e660f0116e8f00f20c06683c8010f22c066ea1af00f00080066b810008ed8"
    "8ec08ed0fcbf0010000031c0b900100000f3abc7050010000003200000c70500"
    "20000003300000c7050030000083000000b8200600000f22e0b8001000000f22"
    "d8b9800000c00f320d000100000f300f20c025fbffff9f0d020000800f22c0ea"
    "86f00f001800be00400000bf0024f400b901000000f0480fc14e4066480f6ec1"
    "660fd4c8f30f7f4e20ffcf75e3488b06488b5608bb2a00000031c9f0480fc70e"
    "8a0666ba0105eef40000000000000000ffff0000009bcf00ffff00000093cf00"
    "ffff0000009baf001f00c8f00f000000"
)
START_AT = 0xFFF0
START = bytes.fromhex("ea00f000f0")
# isa-debug-exit ends QEMU with (value << 1) | 1 (QEMU, hw/misc/debugexit.c).
RAN = (0x2A << 1) | 1


def rom() -> bytes:
    """The firmware: 64 KiB."""
    found = bytearray(_ROM_SIZE)
    found[CODE_AT : CODE_AT + len(CODE)] = CODE
    found[START_AT : START_AT + len(START)] = START
    return bytes(found)


def command(accelerator: str, cpu: str, firmware: Path, seconds: float) -> list[str]:
    """The program that runs the guest, killed after ``seconds``. Its exit status RAN: it ran."""
    return [
        "timeout", "--signal=KILL", f"{seconds}", QEMU, "-accel", accelerator, "-cpu", cpu,
        "-machine", "pc", "-m", "16", "-nodefaults", "-no-user-config", "-display", "none",
        "-bios", str(firmware), "-device", "isa-debug-exit,iobase=0x501,iosize=1",
    ]  # fmt: skip


def complaint(errors: str) -> str:
    """The first thing QEMU complains of in ``errors``; empty when it does not."""
    said = [line for line in errors.splitlines() if line and "warning:" not in line]
    return said[0].removeprefix(f"{QEMU}: ").removeprefix("error: ") if said else ""
