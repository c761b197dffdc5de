"""An apt repository in a folder, of Debian packages that are at hand; apt needs no network for it.

Flat (sources.list(5): ``deb [trusted=yes] file:<folder> ./``), indexed by dpkg-scanpackages. No
signature: who can write the folder can write the rest of the image too, so it proves nothing there.
apt still compares each package with the index.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from aio_image.errors import AioError, MirrorError
from aio_image.host import process
from aio_image.stores.deb import NotADeb, control
from aio_image.stores.sets import Held, StoredSet, digest_of, key_of, place, write_set

KIND = "apt"
LABEL = "aio-image"
_POOL = "pool"
_MAGIC = b"!<arch>\n"
_FIELD = re.compile(r"^(Package|Version|Architecture|Filename|Size|SHA256): (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Deb:
    """A package file: what its control file says, and where it is."""

    name: str
    version: str
    architecture: str
    path: Path

    @property
    def file(self) -> str:
        """Its name in a repository; an epoch's colon is not for file names."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"


def read_debs(where: Iterable[Path]) -> list[Deb]:
    """Every package in ``where`` (files, and folders of them), sorted by path.

    Raises AioError with a line for each file that is none.
    """
    paths: list[Path] = []
    for each in where:
        paths += sorted(each.glob("*.deb")) if each.is_dir() else [each]
    found, wrong = [], []
    for path in dict.fromkeys(paths):
        try:
            fields = control(path)
        except (NotADeb, OSError) as error:
            wrong.append(f"{path}: {getattr(error, 'strerror', None) or error}")
            continue
        found.append(Deb(fields["Package"], fields["Version"], fields["Architecture"], path))
    if wrong:
        raise AioError("not Debian packages", details=wrong, hint="remove these files")
    return found


def choose(debs: Iterable[Deb], wanted: Mapping[str, str]) -> list[Deb]:
    """Of ``debs`` those that ``wanted`` names: package → version, as dpkg lists what is installed.

    Raises MirrorError with a line for each that is not among them.
    """
    at_hand: dict[tuple[str, str], Deb] = {}
    versions: dict[str, list[str]] = {}
    for deb in debs:
        at_hand.setdefault((deb.name, deb.version), deb)
        versions.setdefault(deb.name, []).append(deb.version)
    missing = []
    for name, version in sorted(wanted.items()):
        if (name, version) not in at_hand:
            there = ", ".join(sorted(versions.get(name, ())))
            missing.append(f"{name} {version}" + (f" (there is {there})" if there else ""))
    if missing:
        count = f"{len(missing)} package{'s' if len(missing) > 1 else ''}"
        raise MirrorError(
            f"{count} for the apt repository are not at hand",
            details=missing,
            hint="packages come from the cache of the root's build: build the root again",
        )
    return [at_hand[item] for item in sorted(wanted.items())]


def make_repository(debs: Iterable[Deb], store: Path) -> StoredSet:
    """A repository of ``debs`` in ``store``; the one that is there where it has the same files.

    The same package twice is one; twice with different content is an AioError that names both.
    The folder holds ``Packages``, ``Release`` and ``pool/``; hard links where that is possible.
    """
    by_file: dict[str, tuple[Deb, str]] = {}
    twice = []
    for deb in debs:
        digest = digest_of(deb.path)
        kept = by_file.setdefault(deb.file, (deb, digest))
        if kept[1] != digest:
            twice.append(f"{deb.file}: {kept[0].path} and {deb.path} differ")
    if twice:
        raise AioError("packages of one version with different content", details=twice)

    def fill(folder: Path) -> Iterator[Held]:
        (folder / _POOL).mkdir()
        for name, (deb, _) in by_file.items():
            place(deb.path, folder / _POOL / name)
        dates = [_made(deb.path) for deb, _ in by_file.values()]
        index = _index(folder)
        (folder / "Packages").write_text(index, encoding="utf-8")
        (folder / "Release").write_text(_release(index, max(dates, default=0)), encoding="utf-8")
        return _held(index)

    key = key_of(KIND, (f"{name} {digest}" for name, (_, digest) in by_file.items()))
    return write_set(store, KIND, key, fill)


def sources(folder: Path) -> str:
    """What a .sources file says of a repository at ``folder``: where it is on the appliance."""
    return f"Types: deb\nURIs: file:{folder}\nSuites: ./\nTrusted: yes\n"


def _index(folder: Path) -> str:
    return process.run(
        ["dpkg-scanpackages", "--multiversion", _POOL],
        cwd=folder,
        hint="install the package dpkg-dev",
    ).output


def _release(index: str, date: int) -> str:
    """The Release file. Its date is that of the newest package: the appliance's clock may be slow,
    and apt refuses what comes from the future."""
    body = index.encode()
    architectures = sorted({row["Architecture"] for row in _rows(index)} - {"all"})
    lines = [
        f"Origin: {LABEL}",
        f"Label: {LABEL}",
        f"Suite: {LABEL}",
        f"Architectures: {' '.join(architectures)}",
        f"Date: {format_datetime(datetime.fromtimestamp(date, UTC), usegmt=True)}",
        "SHA256:",
        f" {hashlib.sha256(body).hexdigest()} {len(body)} Packages",
    ]
    return "\n".join(lines) + "\n"


def _made(deb: Path) -> int:
    """When a package was built: the date of its first member (deb(5), ar's header), in seconds."""
    with deb.open("rb") as file:
        head = file.read(len(_MAGIC) + 60)
    date = head[len(_MAGIC) + 16 : len(_MAGIC) + 28].strip()
    return int(date) if head.startswith(_MAGIC) and date.isdigit() else 0


def _rows(index: str) -> Iterator[dict[str, str]]:
    for stanza in index.split("\n\n"):
        if row := dict(_FIELD.findall(stanza)):
            yield row


def _held(index: str) -> Iterator[Held]:
    for row in _rows(index):
        name = f"{row['Package']}:{row['Architecture']}"
        yield Held(name, row["Version"], row["Filename"], int(row["Size"]), row["SHA256"])
