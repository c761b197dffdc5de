"""Running guests: KVM for real, guests within guests, QEMU's known bug, libvirt."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from aio_image.doctor.model import BOOT, Finding, Host, HostCheck, failed, ok, skipped, warning
from aio_image.errors import HostError
from aio_image.host import kvm


def virtualisation_checks() -> tuple[HostCheck, ...]:
    boot = frozenset({BOOT})
    return (
        HostCheck("KVM", kvm_usable, boot),
        HostCheck("nested virtualisation", nested),
        HostCheck("QEMU without KVM", tcg_bug, boot),
        # Not before every boot, which opens the very connection a moment later.
        HostCheck("libvirt", libvirt_usable, boot, at_start=False),
    )


def kvm_usable(host: Host) -> Finding:
    """A guest really runs, or the reason why not: opening /dev/kvm proves nothing."""
    found = kvm.accelerator(host.home, again=host.thorough)
    if found.name == "kvm":
        return ok("a guest runs")
    return warning(
        f"{found.reason}; guests run under TCG, five to ten times slower", _kvm_hint(found.reason)
    )


def _kvm_hint(reason: str) -> str:
    if "may not open" in reason:
        return "adduser $USER kvm, and log in again"
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    if "vmx" not in flags and "svm" not in flags:
        return (
            "this processor shows neither vmx nor svm: switch virtualisation on in the firmware "
            "or, in a virtual machine, nested virtualisation on its host; nothing else can mend it"
        )
    if not kvm.KVM.exists():
        return "modprobe kvm_intel or kvm_amd; in a container, pass /dev/kvm in"
    return "`dmesg | grep kvm` may say why"


def nested(host: Host) -> Finding:
    """Whether instances inside an appliance can use KVM; they run without it, slower."""
    if kvm.accelerator(host.home).name != "kvm":
        return skipped("no KVM here: instances inside an appliance run under TCG")
    setting = kvm.nested_setting()
    if setting == "Y":
        return ok("instances inside an appliance can use KVM")
    return warning(
        f"nested={setting or 'unknown'}: instances inside an appliance run under TCG",
        "echo 'options kvm_intel nested=1' > /etc/modprobe.d/kvm.conf (kvm_amd on AMD), reboot",
    )


def tcg_bug(host: Host) -> Finding:
    version = kvm.qemu_version()
    if version is None:
        return skipped("there is no QEMU")
    have, need = ".".join(map(str, version)), ".".join(map(str, kvm.TCG_GOOD_SINCE))
    if version >= kvm.TCG_GOOD_SINCE:
        return ok(f"QEMU {have} runs Debian 13's kernel")
    told = f"QEMU {have} stops Debian 13's kernel in cmpxchg16b; {need} or later does not"
    hint = (
        "Debian 12 has QEMU 10 in its backports: apt install -t bookworm-backports "
        "qemu-system-x86 qemu-utils (`make setup` does it)"
    )
    if kvm.accelerator(host.home).name == "kvm":
        return warning(f"{told}; harmless as long as KVM works", hint)
    return failed(told, hint)


def libvirt_usable(host: Host) -> Finding:
    """Open the connection a boot would use, in a process of its own.

    Of libvirt's embedded driver a process can open only one, ever, and that one is the boot's.
    """
    spawn = multiprocessing.get_context("spawn")
    try:
        with host.scratch() as folder, ProcessPoolExecutor(1, mp_context=spawn) as process:
            version, name = process.submit(_opened, folder).result()
    except ImportError as error:
        return failed(str(error), "install the project into this Python: `make setup`")
    except BrokenProcessPool:
        return failed("libvirt ended its process as a connection was opened", "reinstall it")
    except HostError as error:
        who = "" if os.geteuid() == 0 else " (as this user)"
        return failed(f"{error.message}{who}", error.hint)
    return ok(f"libvirt {version} by {name}")


def _opened(folder: Path) -> tuple[str, str]:
    """The version and the driver of a connection made in ``folder`` and closed again."""
    # Imported here: a host without libvirt's library must be able to hear so.
    from aio_image.host.libvirt_connection import connected, forget  # noqa: PLC0415

    with connected(None, folder) as connection:
        numbers = connection.handle.getLibVersion()
    forget(connection)
    version = f"{numbers // 1000000}.{numbers // 1000 % 1000}.{numbers % 1000}"
    return version, connection.uri.partition("?")[0]
