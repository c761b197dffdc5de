"""The programs builds and boots run: there, and new enough."""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aio_image.doctor.model import (
    BOOT,
    BUILD,
    Finding,
    Host,
    HostCheck,
    Purpose,
    failed,
    ok,
    skipped,
)
from aio_image.errors import HostError
from aio_image.host.process import clean_environment, run


@dataclass(frozen=True)
class Program:
    """``package`` is Debian's; ``least`` a version it must have, and ``why``.

    ``asked``: only builds need it whose deployer asks for it.
    """

    name: str
    package: str
    purposes: tuple[Purpose, ...]
    version: tuple[str, ...] = ("--version",)
    least: tuple[int, ...] = ()
    why: str = ""
    asked: bool = False


PROGRAMS = (
    Program("mmdebstrap", "mmdebstrap", (BUILD,)),
    Program("systemd-nspawn", "systemd-container", (BUILD,)),
    # unshare --kill-child, losetup's BACK-INO column: util-linux 2.38 has both.
    Program("unshare", "util-linux", (BUILD,), least=(2, 38), why="--kill-child, --propagation"),
    Program("setpriv", "util-linux", (BUILD,)),
    Program("partx", "util-linux", (BUILD,)),
    Program("losetup", "mount", (BUILD,), least=(2, 38), why="its list names inodes"),
    Program("sgdisk", "gdisk", (BUILD,)),
    Program("mcopy", "mtools", (BUILD,)),
    Program("mkfs.ext4", "e2fsprogs", (BUILD,), version=("-V",)),
    # compression_type=zstd came with QEMU 5.1 (qemu-img(1)).
    Program("qemu-img", "qemu-utils", (BUILD, BOOT), least=(5, 1), why="compresses with zstd"),
    Program("pasta", "passt", (BUILD,), asked=True),
    Program("qemu-system-x86_64", "qemu-system-x86", (BOOT,), least=(6, 0), why="boots the image"),
)

_VERSION = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)+|\d{3})\b")
# Installed beside the Python that runs us, by our own package's dependencies.
_OURS = ("disk-image-create", "ansible-playbook")


def program_checks() -> tuple[HostCheck, ...]:
    ours = (HostCheck(name, partial(_find_ours, name), frozenset({BUILD})) for name in _OURS)
    theirs = (
        HostCheck(
            each.name,
            partial(_find_asked if each.asked else find_program, each),
            frozenset(each.purposes),
        )
        for each in PROGRAMS
    )
    return (*ours, *theirs)


def find_program(program: Program, host: Host) -> Finding:
    """Whether it is there and, where that matters or there is time, which version."""
    hint = f"apt install {program.package} (`make setup` does it)"
    path = shutil.which(program.name, path=clean_environment()["PATH"])
    if path is None:
        return failed("not found", hint)
    if not (program.least or host.thorough):
        return ok(path)
    try:
        done = run([path, *program.version], check=False, timeout=20)
    except HostError as error:
        return failed(error.message, hint)
    found = _VERSION.search(done.output + done.errors)
    if found is None:
        return ok(path)
    version = tuple(int(part) for part in found[1].split("."))
    if version < program.least:
        need = ".".join(map(str, program.least))
        return failed(f"{found[1]} is too old: {need} or later ({program.why})", hint)
    return ok(f"{found[1]} ({path})")


def _find_asked(program: Program, host: Host) -> Finding:
    if host.needs and program.name in host.needs.programs:
        return find_program(program, host)
    return skipped("builds of this profile do not run it")


def _find_ours(name: str, _host: Host) -> Finding:
    path = Path(sys.executable).parent / name
    if path.exists():
        return ok(str(path))
    return failed(f"{path} is not there", "install the project into this Python: `make setup`")
