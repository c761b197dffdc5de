"""From an error and a log to the one line that says why a step failed."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from aio_image.errors import AioError, HostError

_TAIL_BYTES = 64 * 1024
_NEAR_END = 60
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Lines that say nothing: shell traces, rules, and what follows from the real error.
_NOISE = re.compile(r"^(\++ |[-=*_ ]+$|Traceback |  File |\d{4}-\d\d-\d\d \S+ \| *$|make: )")
_TELLING = re.compile(
    r"(?i)\b(error|fatal|failed|failure|cannot|can't|unable|no such|not found|denied|refused"
    r"|no space|out of memory|killed|invalid|undefined|E:)"
)
_NO_SPACE = re.compile(r"No space left on device|Disk quota exceeded|ENOSPC")
_LONGEST = 300
_HARDLY_ANY = 256 << 20


def last_telling_line(log: Path) -> str:
    """The last line of ``log`` that looks like a reason, else the last that says anything.

    Without terminal escapes; empty when the log is missing or says nothing.
    """
    lines = [line for line in tail(log) if not _NOISE.match(line)]
    telling = [line for line in lines[-_NEAR_END:] if _TELLING.search(line)]
    found = telling[-1] if telling else lines[-1] if lines else ""
    return found[:_LONGEST]


def tail(log: Path) -> list[str]:
    """The last lines of ``log`` that are not blank, without terminal escapes."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    lines = (_ESCAPES.sub("", line).strip() for line in re.split(r"[\r\n]+", text))
    return [line for line in lines if line]


def reason_of(error: BaseException, log: Path) -> str:
    """Why, in one line: the error's own message, and what the log adds to a bare exit code."""
    if not isinstance(error, AioError):
        return f"{type(error).__name__}: {error}".splitlines()[0]
    message = error.message.splitlines()[0]
    if message.startswith("exit ") and not error.details:
        # From host.process.run, with its output in the log.
        said = last_telling_line(log)
        return f"{message}: {said}" if said and said not in message else message
    return message


def disk_full(error: BaseException, log: Path, folder: Path) -> HostError | None:
    """The error to show instead when ``error`` came of a full file system under ``folder``.

    Programs only print why they failed, and may mean another disk (one inside an image): their
    word counts when there is hardly any space left here too.
    """
    about = os.statvfs(folder)
    free = about.f_bavail * about.f_frsize
    no_inodes = about.f_files > 0 and about.f_favail == 0
    if not (
        _is_no_space(error)
        or ((free < _HARDLY_ANY or no_inodes) and _NO_SPACE.search("\n".join(tail(log)[-200:])))
    ):
        return None
    what = "no free inodes" if no_inodes else f"{free / 1e6:.0f} MB"
    return HostError(
        f"the disk is full: {folder} has {what} left",
        hint="free some space (`aio-image clean` removes kept results), or set AIO_IMAGE_HOME "
        "to a folder with more",
        log=log,
    )


def _is_no_space(error: BaseException | None) -> bool:
    """Whether ``error``, or what it came of, is the kernel's own word to us."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False
