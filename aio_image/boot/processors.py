"""What a guest's processors do, asked of QEMU: for a guest that answers no more."""

from __future__ import annotations

import re
import time

from aio_image.boot.hypervisor import Domain
from aio_image.host.libvirt_connection import libvirt, libvirt_qemu

_PAUSE = 0.5
_HMP = libvirt_qemu.VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP
# QEMU, target/i386/cpu-dump.c: a processor's part begins with its number; HLT is 1 when it waits
# for an interrupt; bit 9 of RFL allows one. The lowest half of addresses is a program's.
_PROCESSOR = re.compile(r"CPU#(\d+)(.*?)(?=CPU#\d|\Z)", re.DOTALL)
_WHERE = re.compile(
    r"[RE]IP=([0-9a-f]{8,16}) [RE]FL=([0-9a-f]{8}).*?CPL=(\d).*?HLT=(\d)", re.DOTALL
)
_INTERRUPTS = 1 << 9


def doing(domain: Domain) -> list[str]:
    """One line a processor, seen twice in a second; none when QEMU does not say.

    Whether it waits or runs, whether it takes interrupts, and where it is.
    """
    try:
        first = libvirt_qemu.qemuMonitorCommand(domain, "info registers -a", _HMP)
        time.sleep(_PAUSE)
        second = libvirt_qemu.qemuMonitorCommand(domain, "info registers -a", _HMP)
    except libvirt.libvirtError:
        return []
    return described(first, second)


def described(first: str, second: str) -> list[str]:
    """As ``doing`` says, of two answers to ``info registers -a``."""
    before, now = _places(first), _places(second)
    return [
        f"processor {number}: {before[number]}, then {now[number]}"
        for number in sorted(before.keys() & now.keys(), key=int)
    ]


def _places(answer: str) -> dict[str, str]:
    found = {}
    for number, registers in _PROCESSOR.findall(answer):
        where = _WHERE.search(registers)
        if where:
            address, flags, ring, waits = where.groups()
            state = "waits" if waits == "1" else f"runs in ring {ring}"
            deaf = "" if int(flags, 16) & _INTERRUPTS else " without interrupts"
            found[number] = f"{state}{deaf} at {address}"
    return found
