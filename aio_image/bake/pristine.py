"""The pristine archive: what ``aio reset`` and ``aio rebuild`` put back; part of the seal.

``/usr/lib/aio/pristine.tar.zst`` (0600) holds the mutable state of the sealed root, in sorted order
and without times of access, so that equal trees give equal archives; ``pristine.json`` beside it
says what is in it and by which rules it is put back (``pristine.yaml``). Extended attributes,
POSIX ACLs among them, are pax records ``AIO.xattr.<name>`` in base64: tar's own spelling is text.
"""

from __future__ import annotations

import base64
import filecmp
import json
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from aio_image import deployers
from aio_image.bake.scan import scan_file
from aio_image.errors import BuildError

ARCHIVE = "usr/lib/aio/pristine.tar.zst"
INDEX = "usr/lib/aio/pristine.json"
FORMAT = 1
# Of the levels measured, the last whose gain is worth its time (docs/lifecycle.md).
_LEVEL = 9
_LARGE = 1 << 20
_TABLE = Path(__file__).with_name("pristine.yaml")
_LISTS = ("packed", "elsewhere", "cloud", "secret")
_XATTR = "AIO.xattr."


@dataclass(frozen=True)
class Rules:
    """What pristine.yaml says; see there for each word."""

    packed: tuple[str, ...]
    left: tuple[str, ...]
    elsewhere: tuple[str, ...]
    cloud: tuple[str, ...]
    secret: tuple[str, ...]

    @classmethod
    def of(cls, deployer: str) -> Rules:
        """The rules for every system together with those of ``deployer``."""
        table = yaml.safe_load(_TABLE.read_text(encoding="utf-8"))
        parts: list[Mapping[str, Any]] = [table["system"], table.get(deployer, {})]
        lists = {key: tuple(_everywhere(parts, key)) for key in _LISTS}
        # Which of the cloud's units start: `aio enable` changes that.
        units = (unit for service in deployers.load(deployer).services for unit in service.units)
        lists["cloud"] += tuple(f"/etc/systemd/system/*/{unit}" for unit in dict.fromkeys(units))
        return cls(**lists, left=tuple(row for part in parts for row in part.get("left", ())))


@dataclass(frozen=True)
class Packed:
    """What was packed: which paths, and bytes and seconds it took."""

    names: tuple[str, ...]
    size: int
    seconds: float


def _everywhere(parts: Sequence[Mapping[str, Any]], key: str) -> Iterator[str]:
    """What ``parts`` have under ``key``; of what is not packed, the same inside containers."""
    rows = [row for part in parts for row in part.get(key, ())]
    yield from rows
    if key in ("cloud", "secret"):
        for place in (place for part in parts for place in part.get("inside", ())):
            yield from (f"{place}{row}" for row in rows)


def pack(rules: Rules, root: Path) -> Packed:
    """Write archive and index into the tree ``root``. Raises BuildError."""
    began = time.monotonic()
    archive = root / ARCHIVE
    archive.parent.mkdir(parents=True, exist_ok=True)
    doubles = {
        path: other
        for path in _entries(rules, root)
        if (other := _double(rules, root, path)) is not None
    }
    names: list[str] = []
    with archive.open("wb") as sink:
        os.fchmod(sink.fileno(), 0o600)
        compress = ["zstd", "--quiet", f"-{_LEVEL}", "-T0", "--stdout"]
        with (
            subprocess.Popen(compress, stdin=subprocess.PIPE, stdout=sink) as zstd,
            tarfile.open(fileobj=zstd.stdin, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for path in _entries(rules, root):
                if _add(tar, root, path, packed=path not in doubles):
                    names.append(_shown(root, path))
            tar.close()
            assert zstd.stdin is not None
            zstd.stdin.close()
    if zstd.returncode:
        raise BuildError(f"zstd failed with status {zstd.returncode}: no pristine archive")
    # Literals may stay as they are in a compressed block: nothing is to find a canary there later.
    for finding in scan_file(archive, "/" + ARCHIVE):
        raise BuildError(
            f"{finding.path} (byte {finding.offset}): spells a canary",
            hint="compress with another level",
        )
    index = {
        "format": FORMAT,
        "packed": tops(rules, root),
        "left": rules.left,
        "cloud": rules.cloud,
        "secret": rules.secret,
        "copies": {_shown(root, path): _shown(root, other) for path, other in doubles.items()},
        "entries": names,
    }
    target = root / INDEX
    target.write_text(json.dumps(index, indent=0) + "\n", encoding="utf-8")
    target.chmod(0o644)
    return Packed(tuple(names), archive.stat().st_size, time.monotonic() - began)


def tops(rules: Rules, root: Path) -> tuple[str, ...]:
    """What is packed with all below it: each pattern as the paths of ``root`` it stands for."""
    return tuple(_shown(root, path) for pattern in rules.packed for path in _meant(root, pattern))


def _meant(root: Path, pattern: str) -> list[Path]:
    return sorted(root.glob(pattern[1:])) if "*" in pattern else [root / pattern[1:]]


def _entries(rules: Rules, root: Path) -> Iterator[Path]:
    """Every path to pack, each folder before its content, in sorted order."""
    left = {path for pattern in rules.left for path in _meant(root, pattern)}
    for top in tops(rules, root):
        stack = [root / top.lstrip("/")]
        while stack:
            path = stack.pop()
            if path in left or not os.path.lexists(path):
                continue
            yield path
            if path.is_dir() and not path.is_symlink():
                stack += sorted(path.iterdir(), reverse=True)


def _double(rules: Rules, root: Path, path: Path) -> Path | None:
    """A file of ``elsewhere`` with the same content as the large file ``path``."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size < _LARGE:
        return None
    for pattern in rules.elsewhere:
        for other in sorted(root.glob(pattern.lstrip("/"))):
            if other.is_file() and filecmp.cmp(path, other, shallow=False):
                return other
    return None


def _add(tar: tarfile.TarFile, root: Path, path: Path, *, packed: bool) -> bool:
    """Add ``path``; without its content unless ``packed``. False for a socket.

    Raises BuildError for what a reset would not put back: a device, a pipe.
    """
    entry = tar.gettarinfo(str(path), arcname=str(path.relative_to(root)))
    if entry is None:
        return False
    if not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()):
        raise BuildError(
            f"{_shown(root, path)}: is neither file nor folder, and no reset can put it back",
            hint=f"`left` of {_TABLE.name} names what stays as it is",
        )
    entry.uname = entry.gname = ""
    entry.mtime = int(entry.mtime)
    entry.pax_headers = {
        _XATTR + name: base64.b64encode(value).decode("ascii") for name, value in _attributes(path)
    }
    if not entry.isreg():
        tar.addfile(entry)
        return True
    if not packed:
        entry.size = 0
        tar.addfile(entry)
        return True
    with path.open("rb") as content:
        tar.addfile(entry, content)
    return True


def _attributes(path: Path) -> Iterator[tuple[str, bytes]]:
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        # Overlayfs's own marks are the build's.
        if name.startswith(("security.", "user.", "system.posix_acl_")):
            yield name, os.getxattr(path, name, follow_symlinks=False)


def _shown(root: Path, path: Path) -> str:
    return "/" + str(path.relative_to(root))
