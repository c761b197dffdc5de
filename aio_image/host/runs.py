"""Runs: one build or boot, the scratch folder it owns, and who owns it.

``work/<run>/`` belongs to a run from its first moment to its last. The owner holds a lock on
``owner.json`` in it for as long as it lives. The kernel drops that lock however the owner dies,
and is not misled by process numbers used again, by reboots or by containers. So a folder whose
lock can be had is a leftover, and ``host.reap`` frees what belongs to it.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aio_image.host import journal
from aio_image.paths import Home

# In the environment of everything a run starts: how its processes are found again.
MARK = "AIO_IMAGE_RUN"
OWNER = "owner.json"
JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class Run:
    """``name`` sorts by time; ``folder`` is scratch; ``logs`` stays when the run is over."""

    name: str
    folder: Path
    logs: Path


def boot_id() -> str:
    """The kernel's random id of this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


@contextmanager
def claimed(home: Home, subject: str) -> Iterator[Run]:
    """A new run about ``subject`` (a profile's or an image's name), owned until the block ends.

    Inside, ``journal.record`` writes to its journal, and every program started through
    ``host.process`` or ``host.namespace`` carries its mark. The folder is left to ``reap``.
    """
    name = f"{time.strftime('%Y%m%dT%H%M%S')}-{_plain(subject)}-{secrets.token_hex(2)}"
    run = Run(name, home.work / name, home.logs / name)
    home.work.mkdir(parents=True, exist_ok=True)
    # Complete and locked before it has its name: nobody ever sees a run without an owner.
    with _locked(home.work):
        nascent = Path(tempfile.mkdtemp(prefix=".new-", dir=home.work))
        owner = _lock(nascent / OWNER, os.O_CREAT | os.O_EXCL | os.O_RDWR)
    try:
        facts = {
            "run": name,
            "subject": subject,
            "pid": os.getpid(),
            "boot": boot_id(),
            "started": time.strftime("%Y-%m-%d %H:%M:%S"),
            "log": str(run.logs),
        }
        os.write(owner, json.dumps(facts).encode())
        run.logs.mkdir(parents=True)
        nascent.rename(run.folder)
        before = {key: os.environ.get(key) for key in (MARK, journal.VARIABLE)}
        os.environ[MARK] = name
        os.environ[journal.VARIABLE] = str(run.folder / JOURNAL)
        try:
            yield run
        finally:
            for key, value in before.items():
                if value is None:
                    os.environ.pop(key, None)
                else:
                    os.environ[key] = value
    finally:
        os.close(owner)
        shutil.rmtree(nascent, ignore_errors=True)
        # Logs of a run that logged nothing are none.
        with suppress(OSError):
            run.logs.rmdir()


def abandoned(home: Home) -> Iterator[dict[str, Any]]:
    """What owner.json said of each run whose owner is gone, with its ``folder`` (a Path).

    While the consumer holds an item, no other process gets the same one.
    """
    for folder in sorted(home.work.glob("*/")):
        with _locked(home.work):
            try:
                owner = _lock(folder / OWNER)
            except BlockingIOError:
                continue
            except FileNotFoundError:
                # Its owner died at the very start, or a remover of it did at the very end.
                owner = None
        try:
            if folder.exists():
                yield {**_facts(folder / OWNER), "folder": folder}
        finally:
            if owner is not None:
                os.close(owner)


def _facts(path: Path) -> dict[str, Any]:
    """A full disk leaves owner.json empty: the folder's name then has to do."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        facts = {}
    name = path.parent.name
    blank = {"run": name, "subject": name, "boot": "", "started": "", "log": ""}
    return {**blank, **facts} if isinstance(facts, dict) else blank


def _lock(path: Path, flags: int = os.O_RDWR) -> int:
    """Open and lock ``path``; BlockingIOError when somebody else has it."""
    handle = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """While inside, no other process makes a run in ``folder``."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _plain(subject: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in subject)[:40]
