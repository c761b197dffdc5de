"""Writing so that a power cut leaves the old content or the new, never half of either."""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make names created or renamed in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: Path, mode: int = 0o755) -> None:
    """Create ``folder`` and what is missing above it; ``mode`` is the last one's."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=mode, exist_ok=True)
    folder.chmod(mode)
    sync_folder(folder.parent)


def write_atomic(path: Path, content: str | bytes, mode: int = 0o644) -> None:
    """Put ``content`` at ``path`` with ``mode``: synced, then renamed over what was there.

    The owner of a file that is replaced is kept. The temporary name is fixed, so that what a
    power cut leaves of it is overwritten by the repeat.
    """
    data = content.encode() if isinstance(content, str) else content
    make_folder(path.parent)
    new = path.with_name(f".{path.name}.aio-new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        if path.exists():
            was = path.stat()
            if (was.st_uid, was.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(handle, was.st_uid, was.st_gid)
        os.fchmod(handle, mode)
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    new.replace(path)
    sync_folder(path.parent)


def add_lines(path: Path, lines: bytes, mode: int = 0o644) -> None:
    """Have ``lines``, which end with a newline, in ``path``: at its end if they are not in it."""
    known = path.read_bytes() if path.exists() else b""
    if lines not in known:
        apart = b"" if not known or known.endswith(b"\n") else b"\n"
        write_atomic(path, known + apart + lines, mode)


def overwrite(path: Path, patches: dict[int, bytes]) -> None:
    """Write each ``offset: bytes`` into ``path`` where it stands: same length, same blocks."""
    handle = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        for offset, data in sorted(patches.items()):
            if os.pwrite(handle, data, offset) != len(data):
                raise OSError(f"{path}: short write at {offset}")
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_and_wipe(path: Path, content: bytes) -> None:
    """``write_atomic``, after which no freed block holds what ``path`` said before.

    The old file keeps a second name until it is overwritten, so that a repeat finds it.
    """
    wipe_left_over(path)
    old = _old(path)
    old.hardlink_to(path)
    sync_folder(path.parent)
    write_atomic(path, content, path.stat().st_mode & 0o7777)
    wipe_left_over(path)


def wipe_left_over(path: Path) -> None:
    """Finish what a power cut left of ``replace_and_wipe``."""
    old = _old(path)
    if not old.exists():
        return
    if not old.samefile(path):  # else the cut came before the new content
        overwrite(old, {0: bytes(old.stat().st_size)})
    remove(old)


def _old(path: Path) -> Path:
    return path.with_name(f".{path.name}.aio-old")


def remove(path: Path) -> None:
    """Remove ``path``, and have it stay removed after a power cut."""
    if path.exists():
        path.unlink()
        sync_folder(path.parent)


def find_all(data: bytes, wanted: bytes) -> list[int]:
    """Every offset of ``wanted`` in ``data``."""
    found = []
    at = data.find(wanted)
    while at >= 0:
        found.append(at)
        at = data.find(wanted, at + len(wanted))
    return found
