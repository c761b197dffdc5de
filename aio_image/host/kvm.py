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

from aio_image.appliance import probe_guest
from aio_image.errors import HostError
from aio_image.host.probes import remembered
from aio_image.host.process import run
from aio_image.paths import Home

QEMU = probe_guest.QEMU
PROBE_GUEST_RAN = probe_guest.RAN
KVM = Path("/dev/kvm")
PROBE_SECONDS = 8.0

# Under TCG, QEMU before 8 stops Debian 13's kernel in cmpxchg16b (seen with Debian 12's 7.2).
TCG_GOOD_SINCE = (8, 0)


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
    with tempfile.TemporaryDirectory(prefix="aio-image-kvm-") as folder:
        firmware = Path(folder, "probe.rom")
        firmware.write_bytes(probe_guest.rom())
        done = run(probe_guest.command(name, cpu, firmware, seconds), check=False)
    first = probe_guest.complaint(done.errors)
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
