"""Pruning what builds keep: old results, logs, failed scratch, downloads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from aio_image import systems
from aio_image.errors import HostError
from aio_image.execution.locks import ResultLock
from aio_image.host import mounts, reap, runs
from aio_image.paths import Home
from aio_image.plan.kept import Record, read_record

_LOGS_KEPT = 20


@dataclass(frozen=True)
class Removal:
    """Something that can go. ``what`` names it for people; ``size`` is what it takes, in bytes.

    ``parts``, where there are any, are what goes of the folder ``path``.
    """

    path: Path
    what: str
    why: str
    size: int
    result: tuple[str, str] | None = None
    """Step and key, where it is a kept result."""
    parts: tuple[Path, ...] = ()


def removable(home: Home, *, keep: int = 2, everything: bool = False) -> list[Removal]:
    """What ``clean`` would remove.

    Of each step of each profile the ``keep`` results that were last of use stay, the logs of the
    last 20 runs, and the downloaded packages that are in a root that stays. With ``everything``
    nothing stays.
    """
    results = list(_results(home, 0 if everything else keep))
    return [
        *results,
        *(() if everything else _packages(home, {each.path for each in results})),
        *_logs(home, 0 if everything else _LOGS_KEPT),
        *(_removal(path, f"failed {path.name}", "kept on request") for path in _in(home.failed)),
        *(
            _removal(path, f"downloads {path.name}", "can be had again")
            for path in (_in(home.downloads) if everything else ())
        ),
    ]


def clean(home: Home, removals: Sequence[Removal]) -> tuple[list[Removal], list[str]]:
    """Remove them: those that went, and a line for each that did not.

    What a running build uses stays. Nothing is followed out of ``home``: a folder that something is
    mounted in stays as it is. Killed half-way, the rest goes at the next start.
    """
    gone, stayed = [], []
    with runs.claimed(home, "clean") as this:
        try:
            for number, removal in enumerate(removals):
                problem = _remove(home, removal, this.folder / str(number))
                if problem:
                    stayed.append(f"{removal.what} stays: {problem}")
                else:
                    gone.append(removal)
        finally:
            reap.free(this.folder, this.name, runs.boot_id())
    return gone, stayed


def _remove(home: Home, removal: Removal, aside: Path) -> str:
    """Remove one; why not, or the empty string."""
    with ExitStack() as held:
        if removal.result is not None:
            lock = ResultLock(home, *removal.result)
            held.callback(lock.release)
            if not lock.remove():
                return "a build is using it"
        if inside := mounts.mounts_below(removal.path):
            return f"{inside[-1].point} is mounted in it"
        try:
            if removal.parts:
                for part in removal.parts:
                    part.unlink(missing_ok=True)
                return ""
            # Renamed first: a result is there whole, or not at all.
            removal.path.rename(aside)
            mounts.remove_tree(aside)
        except FileNotFoundError:
            return ""
        except (HostError, OSError) as error:
            return str(error)
    return ""


def _results(home: Home, keep: int) -> Iterator[Removal]:
    of_step: dict[tuple[str, str], list[tuple[float, Record]]] = defaultdict(list)
    for path in home.steps.glob("*/*/"):
        record = read_record(path)
        if record is None:
            name = f"{path.parent.name}/{path.name[:12]}"
            result = (path.parent.name, path.name)
            yield Removal(path, f"result {name}", "has no record", mounts.disk_usage(path), result)
            continue
        used = (path / "step.json").stat().st_mtime
        of_step[record.profile, record.step].append((used, record))
    for (profile, step), records in sorted(of_step.items()):
        records.sort(key=lambda each: each[0], reverse=True)
        for _, record in records[keep:]:
            yield Removal(
                record.folder,
                f"result {step}/{record.key[:12]} of {profile}",
                f"made {record.finished.astimezone():%Y-%m-%d %H:%M}",
                mounts.disk_usage(record.folder),
                (step, record.key),
            )


def _packages(home: Home, going: set[Path]) -> Iterator[Removal]:
    """Downloaded packages that are in no root but those that are ``going``.

    Without any other root, and while something is at work here, all of them may be of use yet.
    """
    roots = [path for path in home.steps.glob("root/*/packages.txt") if path.parent not in going]
    if not roots or any(home.work.glob("*")):
        return
    installed = {
        tuple(line.split()[:2])
        for path in roots
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    folders = [home.downloads / name for name in systems.names()]
    for folder in sorted(release for each in folders for release in each.glob("*/")):
        unused = tuple(
            path
            for path in sorted(folder.glob("*_*_*.deb"))
            if tuple(unquote(path.name).split("_")[:2]) not in installed
        )
        if unused:
            count = "one package" if len(unused) == 1 else f"{len(unused)} packages"
            yield Removal(
                folder,
                f"downloads {folder.name}: {count}",
                "in no root that is kept",
                sum(path.stat().st_size for path in unused),
                parts=unused,
            )


def _logs(home: Home, keep: int) -> Iterator[Removal]:
    # Names begin with the time; a run that is still there is still writing.
    ended = [path for path in _in(home.logs) if not (home.work / path.name).exists()]
    for path in sorted(ended, reverse=True)[keep:]:
        yield _removal(path, f"logs {path.name}", "of an old run")


def _removal(path: Path, what: str, why: str) -> Removal:
    return Removal(path, what, why, mounts.disk_usage(path))


def _in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
