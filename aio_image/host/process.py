"""The one door to other programs: list arguments, no stdin, a clean environment, one error."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from aio_image.errors import HostError

# What a child needs of the caller's environment: proxies and certificates to reach mirrors,
# a locale-free language, a full PATH. Everything else (TMPDIR, PYTHONPATH, DIB_*, secrets in
# variables) stays out: DIB hands its environment to every hook and stores part of it in images.
_PASSED = (
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
    "USER", "LOGNAME", "HOME", "XDG_RUNTIME_DIR", "SOURCE_DATE_EPOCH",
    # Ours: the run's journal of kernel resources, and the mark its processes are found by.
    "AIO_IMAGE_JOURNAL", "AIO_IMAGE_RUN",
)  # fmt: skip
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment children get: an allow-list of ours, plus ``extra``."""
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    environment["PATH"] = _SYSTEM_PATH
    environment["LC_ALL"] = "C.UTF-8"
    environment.update(extra or {})
    return environment


@dataclass(frozen=True)
class Completed:
    """A finished program. ``output`` is its stdout, ``errors`` its stderr (empty when logged)."""

    argv: tuple[str, ...]
    status: int
    output: str
    errors: str


def run(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    log: Path | None = None,
    feed: str | None = None,
    timeout: float | None = None,
    check: bool = True,
    hint: str = "",
) -> Completed:
    """Run ``argv`` to its end.

    ``env`` is added to the clean environment. With ``log`` both streams are appended to that
    file instead of being returned. ``feed`` becomes stdin (else stdin is /dev/null). ``timeout``
    is in seconds. Raises HostError when the program is missing, times out or, with ``check``,
    exits with anything but 0; its message holds the command line to paste and the last line
    the program said.
    """
    words = tuple(str(word) for word in argv)
    pasted = shlex.join(words)
    sink = log.open("a", encoding="utf-8") if log else None
    try:
        done = subprocess.run(
            words,
            input=feed,
            stdin=subprocess.DEVNULL if feed is None else None,
            stdout=sink or subprocess.PIPE,
            stderr=subprocess.STDOUT if sink else subprocess.PIPE,
            env=clean_environment(env),
            cwd=cwd,
            timeout=timeout,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError as error:
        raise HostError(f"{words[0]}: not found", hint=hint or "run `make setup`") from error
    except subprocess.TimeoutExpired as error:
        raise HostError(f"no end after {timeout:.0f} s: {pasted}", hint=hint, log=log) from error
    finally:
        if sink:
            sink.close()
    result = Completed(words, done.returncode, done.stdout or "", done.stderr or "")
    if check and done.returncode != 0:
        said = (result.errors.strip() or result.output.strip()).splitlines()
        last = f": {said[-1]}" if said else ""
        raise HostError(
            f"exit {done.returncode} from {pasted}{last}", hint=hint, details=said[-20:], log=log
        )
    return result


def follow(
    argv: Sequence[str | Path],
    on_line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run ``argv`` to its end, handing each line it says (both streams) to ``on_line``; its status.

    For what works long and is watched meanwhile. Environment and stdin as for ``run``. Raises
    HostError when the program is missing; when ``on_line`` raises, it is killed.
    """
    words = [str(word) for word in argv]
    try:
        child = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=clean_environment(env),
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise HostError(f"{error.filename}: not found") from error
    assert child.stdout is not None
    try:
        for line in child.stdout:
            on_line(line.rstrip("\n"))
        return child.wait()
    finally:
        child.stdout.close()
        if child.poll() is None:
            child.kill()
            child.wait()
