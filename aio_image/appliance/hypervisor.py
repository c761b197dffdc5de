"""How instances run on this machine: by KVM where it really works, else emulated.

Asked at every boot, for an appliance may move. That ``/dev/kvm`` opens proves little: on a host
whose processor cannot virtualise within a guest it opens, and a kernel then hangs. So a guest is
run that does what a kernel does, for which QEMU needs a quarter of a second where it works.

An emulated processor (QEMU without KVM) has KVM, too, and the guest runs; but whole appliances
went silent within a minute of their first instance, both times that CI tried it (QEMU 10.0,
2026-11-22). An instance that takes minutes is worth more than one that may take all with it.
"""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from . import probe_guest
from .files import make_folder

_SECONDS = 5.0
KVM, QEMU = "kvm", "qemu"


class Question:
    """Asked when it is made; the guest runs while others work. ``answer`` waits for its end."""

    def __init__(self, device: Path, folder: Path) -> None:
        """``folder`` takes the guest's firmware as long as the question is open."""
        self._child: subprocess.Popen[str] | None = None
        self._firmware = folder / "probe.rom"
        self.why = ""
        if not device.exists():
            self.why = "this machine offers no hardware virtualisation"
            return
        if emulated():
            self.why = "this machine's processor is emulated, and its virtualisation with it"
            return
        make_folder(folder)
        self._firmware.write_bytes(probe_guest.rom())
        command = probe_guest.command("kvm", "host", self._firmware, _SECONDS)
        try:
            self._child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, text=True, errors="replace",
            )  # fmt: skip
        except OSError as error:
            self.why = f"the probe cannot be run: {error.strerror}"

    def answer(self) -> tuple[str, str]:
        """``kvm`` or ``qemu``, and why not kvm."""
        if self._child is not None:
            _, errors = self._child.communicate()
            self.why = _verdict(self._child.returncode, errors)
            self._child = None
            self._firmware.unlink(missing_ok=True)
        return (QEMU, self.why) if self.why else (KVM, "")


def emulated() -> bool:
    """Whether the processor is emulated: systemd's word for QEMU without KVM is ``qemu``."""
    try:
        told = subprocess.run(
            ["systemd-detect-virt", "--vm"], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    return told.stdout.strip() == "qemu"


def _verdict(status: int, errors: str) -> str:
    if status == probe_guest.RAN:
        return ""
    if status in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return "hardware virtualisation is offered, but a guest hangs"
    said = probe_guest.complaint(errors) or f"QEMU exits with {status}"
    return f"hardware virtualisation is offered, but a guest does not run: {said}"
