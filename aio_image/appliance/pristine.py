"""Putting back what the image was before its first boot, from the archive the seal left in it.

Every step may be repeated from its start, whatever a power cut left of it: what is not in the
archive goes, then each entry of the archive is made anew under another name and renamed into its
place, so that a file is the old one or the new one at any moment. Other file systems that are
mounted below the paths concerned are not touched.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import shutil
import stat
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .layout import Layout
from .problems import ApplianceProblem
from .shipped import shipped

_XATTR = "AIO.xattr."
_NEW = ".aio-restored"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Index:
    """pristine.json; its words are those of pristine.yaml in the project."""

    packed: tuple[str, ...]
    left: tuple[str, ...]
    cloud: tuple[str, ...]
    secret: tuple[str, ...]
    copies: dict[str, str]
    entries: frozenset[str]


def load(layout: Layout) -> Index:
    """Raises ApplianceProblem where an image has no archive, or a damaged list of it."""
    absent = "this image cannot be reset: boot a new one"
    with shipped(layout.pristine_index, absent=absent, damaged="boot a new image") as data:
        lists = {key: tuple(data[key]) for key in ("packed", "left", "cloud", "secret")}
        return Index(**lists, copies=dict(data["copies"]), entries=frozenset(data["entries"]))


def verify(layout: Layout) -> None:
    """Read the whole archive once, with its checksum. Raises ApplianceProblem."""
    path = layout.pristine
    done = subprocess.run(
        ["zstd", "--test", "--quiet", path], capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise ApplianceProblem(
            f"{path}: cannot be read ({said[-1] if said else done.returncode})",
            hint="nothing was changed; this image cannot be reset: boot a new one",
        )


def missing_copies(layout: Layout, index: Index) -> list[str]:
    """Files that the archive takes from elsewhere in the image, and that are not there."""
    return sorted({one for one in index.copies.values() if not layout.at(one).is_file()})


def restore(layout: Layout, index: Index, tops: Sequence[str]) -> int:
    """Bring all below ``tops`` to what the archive says; how many entries that is."""
    scope = _Scope(layout, tuple(tops), index.left)
    _remove_extra(layout, scope, index.entries)
    count = 0
    with contextlib.ExitStack() as stack:
        zstd = stack.enter_context(
            subprocess.Popen(
                ["zstd", "--decompress", "--quiet", "--stdout", layout.pristine],
                stdout=subprocess.PIPE,
            )
        )
        tar = stack.enter_context(tarfile.open(fileobj=zstd.stdout, mode="r|"))
        for entry in tar:
            path = f"/{entry.name}"
            if scope.covers(path):
                _place(layout, tar, entry, index.copies.get(path))
                count += 1
        # What pads the archive's end: zstd is to say that it wrote all of it.
        while zstd.stdout and zstd.stdout.read(_CHUNK):
            pass
    if zstd.returncode:
        raise ApplianceProblem(f"{layout.pristine}: cannot be read", hint="check the disk")
    return count


def matches(layout: Layout, patterns: Sequence[str]) -> Iterator[Path]:
    """What is there of ``patterns`` (absolute, ``*`` within one name), links not followed."""
    for pattern in patterns:
        for path in sorted(layout.root.glob(pattern.lstrip("/"))):
            if path.parent.resolve() == path.parent:
                yield path


class _Scope:
    """Which paths are concerned."""

    def __init__(self, layout: Layout, tops: tuple[str, ...], left: tuple[str, ...]) -> None:
        self._tops, self._left = _at_or_below(tops), _at_or_below(left)
        self.tops = tops
        self.mounts = _mount_points(layout)

    def covers(self, path: str) -> bool:
        return bool(self._tops.match(path)) and not self._left.match(path)


def _at_or_below(patterns: Sequence[str]) -> re.Pattern[str]:
    """Of each path that is one of ``patterns`` (``*`` within one name), or is below it."""
    # One expression for all: an appliance with containers has 37 000 entries and 100 patterns.
    spelled = ("[^/]*".join(map(re.escape, one.split("*"))) for one in patterns)
    return re.compile(rf"(?:{'|'.join(spelled)})(?:/|\Z)" if patterns else r"(?!)")


def _mount_points(layout: Layout) -> frozenset[str]:
    text = layout.at("/proc/self/mountinfo")
    try:
        lines = text.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return frozenset()  # a tree that is not running
    points = (line.split()[4] for line in lines)
    return frozenset(point.encode().decode("unicode_escape") for point in points)


def _remove_extra(layout: Layout, scope: _Scope, entries: frozenset[str]) -> None:
    for path in matches(layout, scope.tops):
        _prune(layout, scope, entries, path)


def _prune(layout: Layout, scope: _Scope, entries: frozenset[str], path: Path) -> None:
    shown = "/" + str(path.relative_to(layout.root))
    if shown in scope.mounts or not scope.covers(shown):
        return
    if path.is_dir() and not path.is_symlink():
        for inner in sorted(path.iterdir()):
            _prune(layout, scope, entries, inner)
        if shown not in entries:
            with contextlib.suppress(OSError):  # holds what is not ours to remove
                path.rmdir()
    elif shown not in entries:
        path.unlink()


def _place(layout: Layout, tar: tarfile.TarFile, entry: tarfile.TarInfo, copy: str | None) -> None:
    path = layout.at(entry.name)
    there = path.lstat() if os.path.lexists(path) else None
    if entry.isdir():
        if there is not None and not stat.S_ISDIR(there.st_mode):
            path.unlink()
            there = None
        if there is None:
            path.mkdir(mode=0o700)
        _own(path, entry)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if there is not None and stat.S_ISDIR(there.st_mode):
        shutil.rmtree(path)
    new = path.with_name(f".{path.name[:200]}{_NEW}")
    new.unlink(missing_ok=True)
    if entry.islnk():
        new.hardlink_to(layout.at(entry.linkname))
    elif entry.issym():
        new.symlink_to(entry.linkname)
        os.lchown(new, entry.uid, entry.gid)
    elif entry.isreg():
        source = tar.extractfile(entry) if copy is None else layout.at(copy).open("rb")
        assert source is not None
        with source:
            _write(new, source)
        _own(new, entry)
        os.utime(new, (entry.mtime, entry.mtime))
    else:
        raise ApplianceProblem(f"{layout.pristine}: {entry.name} is neither file nor folder")
    new.replace(path)
    new.unlink(missing_ok=True)  # two names of one file: renaming did nothing


def _write(path: Path, source: IO[bytes]) -> None:
    """Copy, leaving holes where there are only zeroes: InnoDB's files are mostly that."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as sink:
        while chunk := source.read(_CHUNK):
            if chunk.count(0) == len(chunk):
                sink.seek(len(chunk), os.SEEK_CUR)
            else:
                sink.write(chunk)
        sink.truncate()


def _own(path: Path, entry: tarfile.TarInfo) -> None:
    os.chown(path, entry.uid, entry.gid)
    path.chmod(entry.mode)
    wanted = {
        key.removeprefix(_XATTR): base64.b64decode(value)
        for key, value in entry.pax_headers.items()
        if key.startswith(_XATTR)
    }
    for name in os.listxattr(path):
        if name.startswith(("user.", "system.posix_acl_")) and name not in wanted:
            os.removexattr(path, name)
    for name, value in wanted.items():
        os.setxattr(path, name, value)
