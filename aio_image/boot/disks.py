"""The disk a guest boots from: an overlay or a copy, for the image itself is never written to."""

from __future__ import annotations

import json
from pathlib import Path

from aio_image.errors import UsageError
from aio_image.host.process import run

_QEMU_IMG = "qemu-img"
_HINT = "apt install qemu-utils (`make setup` does it)"
# UEFI specification, 5.2.1 and 5.2.3: the signature of an MBR, a GPT's protective one included.
_BOOT_MARK, _BOOT_MARK_AT = b"\x55\xaa", 510
_FORMATS = ("qcow2", "raw")


def image_format(image: Path) -> str:
    """qcow2 or raw. Raises UsageError when ``image`` is neither, or is not there."""
    if image.exists() and not image.is_file():
        raise UsageError(f"{image}: is not a file", hint="name the QCOW2 itself")
    if not image.exists():
        raise UsageError(
            f"{image}: there is no such image", hint="build one: aio-image build (or make image)"
        )
    if image.stat().st_size == 0:
        raise UsageError(f"{image}: is empty", hint="build it again")
    # -U: a guest may be running on it; asking does not need the lock.
    told = run([_QEMU_IMG, "info", "-U", "--output=json", image], check=False, hint=_HINT)
    found = json.loads(told.output)["format"] if told.status == 0 else ""
    if found not in _FORMATS:
        said = told.errors.strip().splitlines()
        reason = said[-1] if said else f"its format is {found}"
        raise UsageError(f"{image}: is not a disk image to boot: {reason}")
    if found == "raw" and not _has_boot_sector(image):
        raise UsageError(
            f"{image}: is neither QCOW2 nor a raw disk with a partition table",
            hint="name the image that `aio-image build` made",
        )
    return str(found)


def _has_boot_sector(image: Path) -> bool:
    """Whether it begins as every disk with an MBR or a GPT does; QEMU takes any file for raw."""
    with image.open("rb") as file:
        file.seek(_BOOT_MARK_AT)
        return file.read(len(_BOOT_MARK)) == _BOOT_MARK


def make_overlay(image: Path, kind: str, overlay: Path) -> None:
    """Create ``overlay`` (QCOW2) over ``image``, whose format is ``kind``. Raises HostError."""
    run(
        [_QEMU_IMG, "create", "-q", "-f", "qcow2", "-b", image.resolve(), "-F", kind, overlay],
        hint=_HINT,
    )


def make_copy(image: Path, kind: str, disk: Path) -> None:
    """Create ``disk`` (QCOW2) as a copy, whole or not at all, of ``image``. Raises HostError.

    It outlives the image: an overlay would be ruined by the next build, which replaces that.
    """
    new = disk.with_name(f".{disk.name}.new")
    try:
        if kind == "qcow2":
            run(["cp", "--reflink=auto", "--sparse=always", "--", image, new])
        else:
            run([_QEMU_IMG, "convert", "-f", kind, "-O", "qcow2", image, new], hint=_HINT)
        new.chmod(0o600)
        new.replace(disk)
    finally:
        new.unlink(missing_ok=True)
