"""The image starts with every firmware a machine may have, and its root grows into the disk."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = [pytest.mark.host, pytest.mark.boot]

OVMF = Path("/usr/share/OVMF")
# Emulated processors, shared with other work: the same boot takes 20 s on an idle machine.
# Half an hour of a busy machine; an idle one takes one or two minutes.
SECONDS = 1800
PROMPT = b"login:"


def firmware(kind: str, folder: Path) -> list[str]:
    """QEMU's words for one firmware, with a variable store of its own."""
    if kind == "bios":
        return ["-machine", "q35"]
    code, store = {
        "uefi": ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd"),
        "secure-boot": ("OVMF_CODE_4M.ms.fd", "OVMF_VARS_4M.ms.fd"),
    }[kind]
    variables = folder / "variables.fd"
    shutil.copyfile(OVMF / store, variables)
    guarded = ["-global", "driver=cfi.pflash01,property=secure,value=on"]
    return [
        "-machine", "q35,smm=on" if kind == "secure-boot" else "q35",
        *(guarded if kind == "secure-boot" else []),
        "-drive", f"if=pflash,format=raw,readonly=on,file={OVMF / code}",
        "-drive", f"if=pflash,format=raw,file={variables}",
    ]  # fmt: skip


def boot(words: Sequence[str], console: Path, wanted: bytes, seconds: float) -> float:
    """Run QEMU until ``wanted`` is on the console; how long that took. Fails with its tail."""
    qemu = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-display", "none", "-no-reboot",
            "-monitor", "none", "-serial", f"file:{console}", *words]  # fmt: skip
    begun = time.monotonic()
    with subprocess.Popen(qemu, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as guest:
        try:
            while time.monotonic() < begun + seconds:
                if console.exists() and wanted in console.read_bytes():
                    return time.monotonic() - begun
                assert guest.poll() is None, f"QEMU ended: {console.read_bytes()[-2000:]!r}"
                time.sleep(0.5)
        finally:
            guest.kill()
    raise AssertionError(f"no {wanted!r} in {seconds:.0f} s: {console.read_bytes()[-2000:]!r}")


@pytest.mark.parametrize("kind", ["bios", "uefi", "secure-boot"])
def test_firmware(kind: str, small_image: Path, tmp_path: Path) -> None:
    if kind != "bios" and not OVMF.is_dir():
        pytest.skip("OVMF is not installed (package ovmf)")
    disk, console = tmp_path / "disk.qcow2", tmp_path / "console"
    # Twice the image's size: the root has to grow.
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", small_image, disk, "6G"],
        check=True,
    )
    boot(
        [*firmware(kind, tmp_path), "-cpu", "max", "-smp", "2", "-m", "1024",
         "-drive", f"file={disk},if=virtio,cache=unsafe",
         "-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net"],
        console, PROMPT, SECONDS,
    )  # fmt: skip
    shown = console.read_bytes()
    assert b"error:" not in shown.split(b"Loading initial ramdisk")[0]
    assert b"Kernel panic" not in shown
    assert b"emergency" not in shown.lower()


def test_the_tiny_instance(small_root: Path, tmp_path: Path) -> None:
    image = small_root / "tree/usr/share/aio/images/aio-tiny.qcow2"
    console = tmp_path / "console"
    boot(
        ["-m", "96", "-drive", f"file={image},if=virtio,snapshot=on",
         "-netdev", "user,id=net,restrict=on", "-device", "virtio-net-pci,netdev=net"],
        console, b"aio-tiny: up 10.0.2.15/24", SECONDS,
    )  # fmt: skip
