"""What both stores share: files named by what is in them, and folders that are whole or not there.

A *set* is a folder ``<store>/sets/<key>/``: its files, and ``manifest.json``, which lists them:
``{"format": 1, "kind": ..., "files": [{"name", "version", "file", "size", "sha256"}]}``. Its key is
made of its files' digests, so that the same content is the same folder, made once.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

MANIFEST = "manifest.json"
_CHUNK = 1 << 20


@dataclass(frozen=True, order=True)
class Held:
    """One file of a set. ``file`` is its path inside the set, ``size`` in bytes."""

    name: str
    version: str
    file: str
    size: int
    sha256: str


@dataclass(frozen=True)
class StoredSet:
    """A set that is whole. ``files`` are sorted by name, then version."""

    key: str
    folder: Path
    files: tuple[Held, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(each.size for each in self.files)


def digest_of(path: Path) -> str:
    """sha256 hex of a file's content."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def key_of(kind: str, digests: Iterable[str]) -> str:
    """The key of a set with these files: sha256 hex, whatever their order."""
    return hashlib.sha256("\n".join([kind, *sorted(digests)]).encode()).hexdigest()


def place(source: Path, target: Path) -> None:
    """``source`` at ``target`` too: a hard link where both are on one file system, else a copy.

    A file that is there already stays: who made it may have been stopped before it was whole, so
    a copy is written beside and renamed.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    try:
        os.link(source, target)
    except OSError:
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copyfile(source, beside)
        beside.chmod(0o644)
        beside.replace(target)


def write_set(
    store: Path, kind: str, key: str, fill: Callable[[Path], Iterable[Held]]
) -> StoredSet:
    """The set ``key`` of ``store``: as it is where it is whole, else filled and renamed into place.

    ``fill(folder)`` puts the files into an empty folder and says which they are.
    """
    folder = store / "sets" / key
    if (folder / MANIFEST).is_file():
        return read_set(folder)
    work = store / "sets" / f".{key}.{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    try:
        files = sorted(fill(work))
        told = {"format": 1, "kind": kind, "files": [asdict(each) for each in files]}
        text = json.dumps(told, indent=1) + "\n"
        (work / MANIFEST).write_text(text, encoding="utf-8")
        try:
            work.rename(folder)
        except OSError:
            # Somebody else made it meanwhile: theirs is as good.
            if not (folder / MANIFEST).is_file():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return read_set(folder)


def read_set(folder: Path) -> StoredSet:
    """The set in ``folder`` by its manifest. OSError or ValueError where there is none."""
    told = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return StoredSet(folder.name, folder, tuple(Held(**row) for row in told["files"]))


def damaged(stored: StoredSet) -> list[str]:
    """Every file of the set that is missing or not what the manifest says, with the reason."""
    wrong = []
    for each in stored.files:
        path = stored.folder / each.file
        if not path.is_file():
            wrong.append(f"{each.file}: is missing")
        elif digest_of(path) != each.sha256:
            wrong.append(f"{each.file}: is not what the manifest says")
    return wrong
