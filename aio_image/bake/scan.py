"""Searches files, trees and raw disks for canaries, wherever their bytes may be."""

from __future__ import annotations

import mmap
import os
import re
import stat
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aio_image.bake.canary import LONGEST, PREFIX
from aio_image.host import trees

_PREFIX = PREFIX.encode()
# Base32 in lower case; anything shorter is the bare word, as this code itself spells it.
_CANARY = re.compile(_PREFIX + rb"[a-z2-7]{16,%d}" % (LONGEST - len(_PREFIX)))
_GZIP = b"\x1f\x8b\x08"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Finding:
    """A canary at byte ``offset`` of ``path`` (of the unpacked content, where it is gzipped)."""

    path: str
    offset: int
    text: str


def baked_layers(results: Sequence[Path]) -> tuple[Path, ...]:
    """The tree folders of ``results`` (lowest first) that may hold canaries.

    All but the lowest: the operating system and its packages were there before any secret.
    """
    return trees.layers_above(results, 1)


def scan_layers(
    merged: Path,
    layers: Iterable[Path],
    also: Iterable[bytes] = (),
    besides: Iterable[str] = (),
) -> Iterator[Finding]:
    """Every canary in what one of ``layers`` (tree folders) has brought to ``merged``, and in the
    paths ``besides`` (absolute, as seen in the image, without links), wherever they came from.

    Looked at are regular files (gzipped ones unpacked as well), symbolic links' targets and
    extended attributes; paths come absolute, as seen in the image. ``also`` are further byte
    strings to look for. A file of several names is searched once, and what is found told of each.
    What a higher layer took away or replaced is seen as it is now.
    """
    names = {name.lstrip("/") for name in besides}
    for layer in layers:
        for folder, folders, files in os.walk(layer):
            place = folder[len(f"{layer}") :].lstrip("/")
            names.update(f"{place}/{name}" if place else name for name in files + folders)
    real = os.path.realpath(merged)
    also = tuple(also)
    # By folder: of each file it would be the most of the work.
    below: dict[str, bool] = {}
    of_several: dict[tuple[int, int], list[Finding]] = {}
    for name in sorted(names):
        place, path = name.rpartition("/")[0], merged / name
        if place not in below:
            below[place] = f"{os.path.realpath(path.parent)}/".startswith(f"{real}/")
        if not below[place]:
            continue
        try:
            about = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not stat.S_ISREG(about.st_mode) or about.st_nlink == 1:
            yield from _entry(path, about.st_mode, f"/{name}", also)
            continue
        which = (about.st_dev, about.st_ino)
        if which not in of_several:
            of_several[which] = list(_entry(path, about.st_mode, f"/{name}", also))
        yield from (replace(one, path=f"/{name}") for one in of_several[which])


def _entry(path: Path, mode: int, shown: str, also: Iterable[bytes]) -> Iterator[Finding]:
    if stat.S_ISLNK(mode):
        yield from found_in(os.fsencode(path.readlink()), shown, also)
    elif stat.S_ISREG(mode):
        yield from scan_file(path, shown, also)
    for value in _attributes(path):
        yield from found_in(value, shown, also)


def scan_file(
    path: Path, shown: str | None = None, also: Iterable[bytes] = ()
) -> Iterator[Finding]:
    """Every canary in one file, block device or raw disk image; findings name it ``shown``."""
    shown = shown or str(path)
    with path.open("rb") as stream:
        # A block device's size is where its end is; stat calls it 0.
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        if size == 0:
            return
        if size <= _CHUNK:
            small = stream.read()
            yield from found_in(small, shown, also)
            if small.startswith(_GZIP):
                yield from _unpacked(small, shown, also)
            return
        packed = stream.read(3) == _GZIP
        with mmap.mmap(stream.fileno(), size, access=mmap.ACCESS_READ) as content:
            content.madvise(mmap.MADV_SEQUENTIAL)
            yield from found_in(content, shown, also)
            if packed:
                yield from _unpacked(content, shown, also)


def found_in(
    content: bytes | mmap.mmap, shown: str, also: Iterable[bytes] = ()
) -> Iterator[Finding]:
    """Every canary, and everything of ``also``, in ``content``; findings name it ``shown``."""
    # find() is many times faster than a regular expression over what mostly does not match.
    at = content.find(_PREFIX)
    while at >= 0:
        match = _CANARY.match(content[at : at + LONGEST])
        if match:
            yield Finding(shown, at, match.group().decode("ascii"))
        at = content.find(_PREFIX, at + len(_PREFIX))
    for wanted in also:
        at = content.find(wanted)
        while at >= 0:
            yield Finding(shown, at, wanted.decode(errors="replace"))
            at = content.find(wanted, at + len(wanted))


def _unpacked(content: bytes | mmap.mmap, shown: str, also: Iterable[bytes]) -> Iterator[Finding]:
    """Findings in the unpacked content; what is no whole gzip file is taken as far as it goes."""
    also = tuple(also)
    longest = max([LONGEST, *(len(wanted) for wanted in also)])
    engine = zlib.decompressobj(wbits=31)
    block, base = b"", 0
    for start in range(0, len(content), _CHUNK):
        try:
            block += engine.decompress(content[start : start + _CHUNK])
        except zlib.error:
            break
        # What begins near the end may go on in the next block: it is looked at together with that.
        sure = max(len(block) - longest, 0)
        for finding in found_in(block, shown, also):
            if finding.offset < sure:
                yield Finding(shown, base + finding.offset, finding.text)
        block, base = block[sure:], base + sure
    for finding in found_in(block, shown, also):
        yield Finding(shown, base + finding.offset, finding.text)


def _attributes(path: Path) -> Iterator[bytes]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:
        return
    for name in names:
        if name.startswith(("user.", "trusted.")):
            yield os.getxattr(path, name, follow_symlinks=False)
