"""The ledger: where each secret lives, and turning canaries into secrets there.

A canary is computed from the bake id, so that nothing on the disk has to spell one.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .files import find_all, overwrite, replace_and_wipe, wipe_left_over
from .layout import Layout
from .problems import ApplianceProblem
from .shipped import shipped

PREFIX = b"aio" + b"Canary"  # in two words, or this file would be a finding of every scan


@dataclass(frozen=True)
class Secret:
    """One secret: ``length`` in characters, and every place that knows it.

    ``pattern``: what the whole of a chosen value has to match, where not every value will do.
    """

    name: str
    length: int
    files: tuple[str, ...]
    mariadb: tuple[str, ...]
    keystone: tuple[str, ...]
    pattern: str | None = None

    def refuses(self, value: str) -> str | None:
        """Why whom it belongs to cannot use ``value``; None when it can."""
        if self.pattern is None or re.fullmatch(self.pattern, value):
            return None
        return f"must match {self.pattern}"


@dataclass(frozen=True)
class Ledger:
    """``endpoint_host`` is the name that stands in keystone's public endpoints until first boot."""

    bake_id: str
    secrets: Mapping[str, Secret]
    endpoint_host: str

    def canary(self, name: str) -> bytes:
        """The throw-away secret of the bake that stands where ``name`` belongs."""
        return canary(self.bake_id, name, self.secrets[name].length)


def canary(bake_id: str, name: str, length: int) -> bytes:
    """``aioCanary`` and base32 of ``sha256("<bake id>/<name>")``, ``length`` bytes in all."""
    digest = hashlib.sha256(f"{bake_id}/{name}".encode()).digest()
    return (PREFIX + base64.b32encode(digest).lower())[:length]


def load(path: Path) -> Ledger:
    """Read the ledger. Raises ApplianceProblem when the image has none, or a newer one."""
    with shipped(path, absent="this image was not sealed: build it again") as data:
        secrets = {
            entry["name"]: Secret(
                entry["name"],
                int(entry["length"]),
                tuple(entry["files"]),
                tuple(entry["mariadb"]),
                tuple(entry["keystone"]),
                entry.get("pattern"),
            )
            for entry in data["secrets"]
        }
        return Ledger(data["bake_id"], secrets, data["endpoint_host"])


def replace_canaries(layout: Layout, ledger: Ledger, values: Mapping[str, str]) -> int:
    """Put ``values`` in place of the canaries in every file of the ledger.

    Returns how many places were written; a repeat finds what is still to do by itself. Raises
    ApplianceProblem when a file is missing or holds neither the canary nor the value.
    """
    by_file: dict[str, list[str]] = {}
    for secret in ledger.secrets.values():
        for file in secret.files:
            by_file.setdefault(file, []).append(secret.name)
    wrong: list[str] = []
    written = 0
    for file, names in by_file.items():
        path = layout.at(file)
        if not path.is_file():
            wrong.append(f"{file}: not there")
            continue
        pairs = {ledger.canary(name): values[name].encode() for name in names}
        data = path.read_bytes()
        for name, (old, new) in zip(names, pairs.items(), strict=True):
            if new not in data and not _places(data, old, new):
                wrong.append(f"{file}: has no place for {name}")
        written += _replace(path, data, pairs)
        if PREFIX in path.read_bytes():
            wrong.append(f"{file}: holds a build-time secret that the ledger does not name")
    if wrong:
        raise ApplianceProblem(
            f"secrets could not be placed: {wrong[0]}",
            hint="the image does not match its ledger: build it again",
            details=wrong,
        )
    return written


def _replace(path: Path, data: bytes, pairs: Mapping[bytes, bytes]) -> int:
    wipe_left_over(path)
    patches = {at: new for old, new in pairs.items() for at in _places(data, old, new)}
    if not patches:
        return 0
    if all(len(old) == len(new) for old, new in pairs.items()):
        overwrite(path, patches)
        return len(patches)
    # A chosen secret of another length: the file is written anew.
    content = data
    for old, new in pairs.items():
        content = content.replace(old, new)
    replace_and_wipe(path, content)
    return len(patches)


def _places(data: bytes, old: bytes, new: bytes) -> list[int]:
    """Where ``data`` spells ``old``, or a mixture of both that a power cut left of an overwrite."""
    found = find_all(data, old)
    if found or new in data or len(old) != len(new):
        return found
    torn = [new[:at] + old[at:] for at in range(1, len(old))]
    torn += [old[:at] + new[at:] for at in range(1, len(old))]
    return [at for mixture in torn for at in find_all(data, mixture)]
