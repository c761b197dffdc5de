"""Wheels of everything that virtualenvs hold, so that pip and uv can make these again offline.

``<store>/pool/<sha256>/<file>.whl`` is every wheel ever made or fetched, ``<store>/asked/``
remembers which of them answers a requirement, so that a run that was stopped goes on where it was.
What one image carries is a set (``sets.py``): a flat folder for ``--no-index --find-links``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import parse_wheel_filename
from packaging.version import Version

from aio_image.errors import HostError, MirrorError
from aio_image.host import process
from aio_image.stores.freeze import Frozen
from aio_image.stores.sets import Held, StoredSet, digest_of, key_of, place, write_set

KIND = "wheels"
# What installing from source takes besides what is installed: OpenStack's own build backend, and
# the installers of OpenStack-Ansible's virtualenvs.
TOOLS = ("pbr", "pip", "setuptools", "uv", "wheel")
# So many at a time: few enough that a stop loses little, enough that pip's start does not count.
_AT_ONCE = 40
_SECONDS = 3600.0
_TAG = "import sys, sysconfig; print(sys.implementation.cache_tag, sysconfig.get_platform())"

Told = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Pip:
    """The pip whose wheels fit the Python they are for.

    ``python`` are the words that start that Python (``("chroot", root, "/usr/bin/python3")``);
    it must have pip. ``root`` is what it sees as ``/``. ``options`` go to ``pip wheel``: indexes,
    constraints; no secret may be in them, since other users see a process's words.
    """

    python: tuple[str, ...]
    options: tuple[str, ...] = ()
    root: Path = Path("/")

    def tag(self) -> str:
        """What its wheels are for, as ``cpython-313 linux-x86_64``."""
        return process.run([*self.python, "-c", _TAG], timeout=60).output.strip()

    def wheel(self, requirements: Sequence[str]) -> Iterator[Path]:
        """Wheels of ``requirements`` and of nothing they need; gone when the iteration is over.

        Raises HostError with pip's last words.
        """
        scratch = self.root / "var/tmp"
        with tempfile.TemporaryDirectory(prefix="aio-wheels-", dir=scratch) as folder:
            inside = Path("/") / Path(folder).relative_to(self.root)
            process.run(
                [*self.python, "-m", "pip", "--disable-pip-version-check", "--no-input", "wheel",
                 "--no-deps", "--wheel-dir", inside, *self.options, "--", *requirements],
                timeout=_SECONDS,
            )  # fmt: skip
            yield from sorted(Path(folder).glob("*.whl"))


@dataclass(frozen=True)
class _Wanted:
    name: str
    requirement: str
    version: str


def make_store(
    frozen: Iterable[Frozen],
    store: Path,
    pip: Pip,
    *,
    tools: Sequence[str] = TOOLS,
    told: Told = lambda _name, _done, _total: None,
) -> StoredSet:
    """A set with a wheel of each of ``frozen``, and of each of ``tools`` that is not among them.

    What ``store`` has is neither fetched nor built again. ``told(name, done, total)`` is called as
    wheels come. Raises MirrorError with a line for each that is not to be had.
    """
    rows = [_Wanted(one.name, one.requirement, _version(one)) for one in frozen]
    there = {row.name for row in rows}
    rows += [_Wanted(name, name, "") for name in tools if name not in there]
    wanted = sorted(dict.fromkeys(rows), key=lambda row: (row.name, row.requirement))
    pool = _Pool(store, pip.tag())
    found = {row: path for row in wanted if (path := pool.find(row)) is not None}
    missing = [row for row in wanted if row not in found]
    failed: list[str] = []
    for batch in _batches(missing):
        made = _make(batch, pip, pool, failed)
        found |= made
        for row in made:
            told(row.name, len(found), len(wanted))
    if failed:
        count = f"{len(failed)} wheel{'s' if len(failed) > 1 else ''}"
        raise MirrorError(
            f"{count} cannot be had",
            details=failed,
            hint="pip's own configuration on the build host says which index is asked",
        )
    return _write(store, {path.parent.name: path for path in found.values()})


def _version(one: Frozen) -> str:
    """What its wheel is to be of; "" where the requirement says a commit.

    pbr counts from the newest tag it sees, and not every installer's clone has tags (uv's has not).
    """
    return "" if one.requirement.startswith("git+") else one.version


def _write(store: Path, wheels: dict[str, Path]) -> StoredSet:
    def fill(folder: Path) -> Iterator[Held]:
        for digest, path in wheels.items():
            place(path, folder / path.name)
            name, version, _, _ = parse_wheel_filename(path.name)
            yield Held(name, str(version), path.name, path.stat().st_size, digest)

    return write_set(store, KIND, key_of(KIND, wheels), fill)


class _Pool:
    """Wheels by content, and which requirement each answers for one kind of Python."""

    def __init__(self, store: Path, tag: str) -> None:
        self._pool = store / "pool"
        self._asked = store / "asked"
        self._tag = tag

    def find(self, row: _Wanted) -> Path | None:
        """The whole wheel that answered ``row`` before."""
        try:
            told = json.loads(self._note(row).read_text(encoding="utf-8"))
            path: Path = self._pool / told["sha256"] / told["file"]
            return path if digest_of(path) == told["sha256"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, row: _Wanted, wheel: Path) -> Path:
        digest = digest_of(wheel)
        path = self._pool / digest / wheel.name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        shutil.copyfile(wheel, beside)
        beside.replace(path)
        note = self._note(row)
        note.parent.mkdir(parents=True, exist_ok=True)
        told = {"asked": row.requirement, "for": self._tag, "sha256": digest, "file": path.name}
        beside = note.with_name(f".{note.name}.{os.getpid()}")
        beside.write_text(json.dumps(told) + "\n", encoding="utf-8")
        beside.replace(note)
        return path

    def _note(self, row: _Wanted) -> Path:
        asked = "\n".join([self._tag, row.requirement, row.version])
        return self._asked / f"{hashlib.sha256(asked.encode()).hexdigest()}.json"


def _batches(rows: Sequence[_Wanted]) -> Iterator[list[_Wanted]]:
    """``rows`` in parts; none has one name twice, which pip refuses."""
    waiting = list(rows)
    while waiting:
        batch: dict[str, _Wanted] = {}
        rest = []
        for row in waiting:
            if row.name in batch or len(batch) == _AT_ONCE:
                rest.append(row)
            else:
                batch[row.name] = row
        yield list(batch.values())
        waiting = rest


def _make(
    batch: Sequence[_Wanted], pip: Pip, pool: _Pool, failed: list[str]
) -> dict[_Wanted, Path]:
    """The wheels of ``batch``. Where pip fails, each alone, so that all at fault are named."""
    by_name = {row.name: row for row in batch}
    made = {}
    try:
        for wheel in pip.wheel([row.requirement for row in batch]):
            name, version, _, _ = parse_wheel_filename(wheel.name)
            row = by_name.get(str(name))
            if row and (not row.version or Version(row.version) == version):
                made[row] = pool.keep(row, wheel)
    except HostError as error:
        if len(batch) == 1:
            said = error.details[-1] if error.details else error.message
            failed.append(f"{batch[0].requirement}: {said.strip()}")
            return {}
        return {k: v for row in batch for k, v in _make([row], pip, pool, failed).items()}
    for row in batch:
        if row not in made:
            failed.append(f"{row.requirement}: pip made no wheel of version {row.version}")
    return made
