"""Memory, disk and the mirror: what builds and boots use up and where packages come from."""

from __future__ import annotations

import os
import time
from pathlib import Path

from aio_image.doctor.model import (
    BOOT,
    BUILD,
    Finding,
    Host,
    HostCheck,
    failed,
    ok,
    skipped,
    warning,
)
from aio_image.errors import MirrorError
from aio_image.systems import load

_GB = 1e9
# What the last steps alone take: an image, and a raw disk while it is written. A build whose trees
# are kept needs no more, so what is ample for a first one (HostNeeds) is asked by a warning.
_DISK_LEAST = 6 * _GB
# The bake runs every service once; the appliance under test has 6 GiB (profiles/base.yaml).
_BUILD_LEAST, _BUILD_GOOD = 2 * _GB, 4 * _GB
_BOOT_LEAST, _BOOT_GOOD = 4.5 * _GB, 7 * _GB


def room_checks() -> tuple[HostCheck, ...]:
    return (
        HostCheck("memory for a build", build_memory, frozenset({BUILD})),
        HostCheck("memory for an appliance", boot_memory, frozenset({BOOT})),
        HostCheck("disk space", disk_space, frozenset({BUILD})),
        # Not before every build: one that needs no packages needs no network.
        HostCheck("Debian mirror", mirror, frozenset({BUILD}), at_start=False),
    )


def build_memory(_host: Host) -> Finding:
    return _memory(_BUILD_LEAST, _BUILD_GOOD, "the bake starts every service once")


def boot_memory(_host: Host) -> Finding:
    return _memory(_BOOT_LEAST, _BOOT_GOOD, "an appliance is given 6 GiB")


def _memory(least: float, good: float, why: str) -> Finding:
    available = available_memory()
    told = f"{available / _GB:.1f} GB available; {why}"
    hint = "close what you do not need, or add swap"
    if available < least:
        return failed(told, hint)
    return ok(told) if available >= good else warning(told, hint)


def available_memory() -> int:
    """Bytes the kernel thinks programs can still have (proc(5): MemAvailable), and free swap."""
    found = {}
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        found[name] = int(rest.split()[0]) * 1024
    return found["MemAvailable"] + found.get("SwapFree", 0)


def disk_space(host: Host) -> Finding:
    folder = host.builds.root
    while not folder.exists():
        folder = folder.parent
    about = os.statvfs(folder)
    free = about.f_bavail * about.f_frsize
    told = f"{free / _GB:.1f} GB free in {host.builds.root}"
    ample = host.needs.disk * _GB if host.needs else _DISK_LEAST
    hint = "`aio-image clean` removes kept results; AIO_IMAGE_HOME names another folder"
    if free < _DISK_LEAST:
        return failed(f"{told}; a build needs {_DISK_LEAST / _GB:.0f} GB", hint)
    if free < ample:
        return warning(
            f"{told}; for a first build of this profile {ample / _GB:.0f} GB are ample", hint
        )
    return ok(told)


def mirror(host: Host) -> Finding:
    """The mirror a build would choose."""
    if host.packages is None:
        return skipped("no profile says what from")
    # Imported here: everything else works without the libraries that reach mirrors.
    from aio_image.sources.mirrors import choose  # noqa: PLC0415

    asked = host.packages
    system = load(asked.distribution)
    release = system.releases[asked.release]
    began = time.monotonic()
    try:
        found = choose(system, release, asked.mirror, "amd64")
    except MirrorError as error:
        return failed("; ".join([error.message, *error.details]), error.hint)
    return ok(f"{found.uri} serves {release.title} ({time.monotonic() - began:.1f} s)")
