"""A small Debian that boots, and a way to run a test's body where mounts are its own."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from aio_image.host.process import run
from aio_image.paths import Home
from aio_image.sources.debian_mirror import choose_mirror
from tests.private import in_private

RELEASE = "trixie"
PACKAGES = ("systemd-sysv", "systemd-container", "dbus", "python3", "iproute2")

Private = Callable[[Callable[[], None]], None]


@pytest.fixture
def private() -> Private:
    """Runs a function in a child process with a mount namespace of its own; fails as it does."""
    return in_private


@pytest.fixture(scope="session")
def small() -> Path:
    """A step's result whose ``tree/`` is a Debian with systemd and Python: made once, kept."""
    return debian("small", PACKAGES)


def debian(word: str, packages: tuple[str, ...]) -> Path:
    """A step's result whose ``tree/`` is a Debian with ``packages``: made once, kept."""
    room = _room()
    name = f"{word}-{hashlib.sha256(repr((RELEASE, packages)).encode()).hexdigest()[:12]}"
    kept = room / name
    with (room / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (kept / "tree").is_dir():
            new = room / f"{name}.new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            _bootstrap(new / "tree", packages)
            shutil.rmtree(kept, ignore_errors=True)
            new.rename(kept)
    return kept


def fresh_room(word: str) -> Path:
    """A new folder for an overlay: pytest's own may be where none can be."""
    return Path(tempfile.mkdtemp(prefix=f"{word}-", dir=_room()))


def _room() -> Path:
    room = Home.default().root / "tests"
    room.mkdir(parents=True, exist_ok=True)
    return room


def _bootstrap(tree: Path, packages: tuple[str, ...]) -> None:
    mirror = choose_mirror(RELEASE)
    sources = tree.with_name("debian.sources")
    sources.write_text(mirror.as_sources())
    # With mounts and processes of its own: killed, it would leave the host's /dev/shm mounted in
    # the tree, which the next try removes.
    run(
        ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--",
         "mmdebstrap", "--mode=root", "--format=directory", "--variant=apt", "--skip=check/empty",
         f"--include={','.join(packages)}", '--aptopt=APT::Install-Recommends "false"',
         *(f"--aptopt={line}" for line in mirror.config.as_apt_conf().splitlines()),
         "--dpkgopt=force-unsafe-io", RELEASE, tree, sources],
        timeout=500,
    )  # fmt: skip
    (tree / "etc/machine-id").write_text("")
    (tree / "etc/hostname").unlink(missing_ok=True)
