"""Hands a kept image over: `build/<profile>.qcow2`, its checksum and its manifest beside it.

A reflink where the file system has them, else a copy: never a hard link, since whoever boots the
file would write into the kept one. The image is put in place whole or not at all.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aio_image.errors import HostError, UsageError
from aio_image.host import process


@dataclass(frozen=True)
class Delivery:
    """The files handed over. ``fresh`` is False when they were there already.

    ``aside`` is where an image went that somebody had booted and written to.
    """

    image: Path
    checksum: Path
    manifest: Path
    facts: dict[str, Any]
    fresh: bool
    aside: Path | None = None


def beside(image: Path) -> tuple[Path, Path]:
    """Checksum and manifest of an image: `x.qcow2.sha256`, `x.manifest.json`."""
    return image.with_name(f"{image.name}.sha256"), image.with_suffix(".manifest.json")


def check_target(target: Path) -> None:
    """Raise UsageError when ``target`` cannot take an image, or holds something not ours."""
    if target.is_dir() or target.name.startswith("."):
        raise UsageError(f"{target}: not a name for an image", hint="as --output build/my.qcow2")
    nearest = next(each for each in target.absolute().parents if each.exists())
    # Who is not root now is when it is written: of him only what root cannot do either is told.
    writable = os.geteuid() != 0 or os.access(nearest, os.W_OK)
    if not nearest.is_dir() or not writable:
        what = "cannot be written to" if nearest.is_dir() else "is not a folder"
        raise UsageError(f"{target}: {nearest} {what}", hint="choose another place with --output")
    manifest = beside(target)[1]
    if (target.exists() or target.is_symlink()) and not manifest.is_file():
        raise UsageError(
            f"{target} exists and has no {manifest.name} beside it: aio-image did not make it",
            hint="move it away, or choose another name with --output",
        )


def delivered(image: Path, manifest: Path, target: Path) -> bool:
    """Whether ``target`` holds the kept ``image`` unchanged: its manifest, size and time."""
    checksum, copy = beside(target)
    try:
        ours, theirs = image.stat(), target.stat()
        same = (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)
        return same and checksum.is_file() and copy.read_bytes() == manifest.read_bytes()
    except OSError:
        return False


def deliver(image: Path, manifest: Path, target: Path) -> Delivery:
    """Put ``image`` and ``manifest`` (kept results) at ``target``, unless they are there already.

    An older image of ours there is replaced; one that was written to since (someone booted it)
    is kept under another name. Under sudo the files belong to who called it. Raises UsageError
    for a target that is not ours to write, HostError when it cannot be written; the target is
    then as it was.
    """
    checksum, copy = beside(target)
    part = target.with_name(f".{target.name}.part")
    facts = json.loads(manifest.read_text(encoding="utf-8"))
    try:
        _make_folder(target.parent)
        with _alone(target.parent):
            check_target(target)
            if delivered(image, manifest, target):
                return Delivery(target, checksum, copy, facts, fresh=False)
            # What a killed builder left; cp would write through a link of that name.
            part.unlink(missing_ok=True)
            try:
                process.run(
                    ["cp", "--reflink=auto", "--sparse=auto", "--preserve=timestamps", image, part],
                    hint=f"is there room for {image.stat().st_size >> 20} MiB in {target.parent}?",
                )
                aside = _set_aside(target, copy)
                _give(part)
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
            _write(checksum, f"{facts['image']['sha256']}  {target.name}\n".encode())
            _write(copy, manifest.read_bytes())
    except OSError as error:
        raise HostError(f"{error.filename or target}: {error.strerror}") from error
    return Delivery(target, checksum, copy, facts, fresh=True, aside=aside)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One builder at a time in ``folder``: image, checksum and manifest have to be of one build.

    The folder itself is locked: that leaves no file behind, and ends with its holder.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _set_aside(target: Path, manifest: Path) -> Path | None:
    """Keep an image that was written to after we handed it over, under the name that is given."""
    try:
        facts = json.loads(manifest.read_text(encoding="utf-8"))["image"]
        size, modified = int(facts["bytes"]), int(facts["modified"])
        found = target.stat()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    # File systems keep times to two seconds (FAT) or to the nanosecond.
    if found.st_size == size and abs(found.st_mtime_ns - modified) < 2_000_000_000:
        return None
    stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(found.st_mtime))
    aside = target.with_name(f"{target.stem}.used-{stamp}{target.suffix}")
    target.rename(aside)
    return aside


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        _give(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for each in missing:
        _give(each)


def _give(path: Path) -> None:
    """To the person behind sudo."""
    user, group = os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", "")
    if os.geteuid() == 0 and user.isdigit() and group.isdigit():
        os.chown(path, int(user), int(group), follow_symlinks=False)
