"""The log bundle: what report.yaml names, masked, in one compressed archive for root alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import yaml

from . import pristine, roots, units
from .layout import Layout
from .masking import Masker
from .problems import ApplianceProblem


@dataclass(frozen=True)
class Contents:
    """What to collect; see report.yaml."""

    commands: dict[str, list[str]]
    beside: dict[str, str]
    inside: dict[str, list[str]]
    files: list[str]
    seconds: float
    largest: int

    @classmethod
    def load(cls, path: Path) -> Contents:
        try:
            return cls(**yaml.safe_load(path.read_text("utf-8")))
        except (OSError, TypeError, yaml.YAMLError) as error:
            raise ApplianceProblem(f"{path}: cannot be read ({error})") from error


def write(layout: Layout, contents: Contents, masker: Masker, target: Path) -> int:
    """Write the bundle to ``target`` (0600; not there before); its size in bytes.

    Raises ApplianceProblem where it cannot be written; what cannot be collected says so inside.
    """
    top = target.name.partition(".")[0]
    try:
        sink = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ApplianceProblem(f"{target}: {error.strerror}", hint="--output FILE") from error
    try:
        with os.fdopen(sink, "wb") as opened, _compressed(opened) as tar:
            _collect(tar, layout, contents, masker, top)
    except (ApplianceProblem, OSError) as error:
        target.unlink()
        raise ApplianceProblem(
            f"{target}: {error}", hint="--output FILE on another disk"
        ) from error
    return target.stat().st_size


def _collect(
    tar: tarfile.TarFile, layout: Layout, contents: Contents, masker: Masker, top: str
) -> None:
    for name, command in _commands(layout, contents):
        with _output(command, contents.seconds) as said:
            _shorten(said, contents.largest)
            _add(tar, f"{top}/{name}", masker, said)
    for path in pristine.matches(layout, contents.files):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as content:
                _take(
                    tar,
                    f"{top}/files/{path.relative_to(layout.root)}",
                    masker,
                    content,
                    contents.largest,
                )


def _commands(layout: Layout, contents: Contents) -> Iterator[tuple[str, list[str]]]:
    """Names in the bundle and commands, those inside each container last."""
    for name, command in contents.commands.items():
        yield name, _where_it_is(layout, command, contents.beside)
    for container in roots.containers(layout.root):
        for name, command in contents.inside.items():
            yield f"containers/{container}/{name}", units.inside(container, command)


def _where_it_is(layout: Layout, command: list[str], beside: dict[str, str]) -> list[str]:
    """``command`` as it is run in the container that has what it asks; first choice is the host."""
    program = command[0]
    if program in beside:
        wanted, here = [beside[program]], layout.at(f"/{beside[program]}").exists()
    else:
        wanted, here = [f"usr/bin/{program}", f"usr/sbin/{program}"], bool(shutil.which(program))
    if not here:
        for container, root in roots.containers(layout.root).items():
            if any(layout.at(f"{root}/{name}").exists() for name in wanted):
                return units.inside(container, command)
    return command


def _take(
    tar: tarfile.TarFile, name: str, masker: Masker, content: IO[bytes], largest: int
) -> None:
    try:
        _shorten(content, largest)
    except OSError:
        # The kernel's own files (/proc) know no end to go to; they are small.
        with tempfile.TemporaryFile() as copy:
            copy.write(content.read(largest))
            copy.seek(0)
            _add(tar, name, masker, copy)
    else:
        _add(tar, name, masker, content)


def _shorten(content: IO[bytes], largest: int) -> None:
    """Go to the last ``largest`` bytes, and there to a line's beginning: no half of a secret."""
    if content.seek(0, os.SEEK_END) > largest:
        content.seek(-largest, os.SEEK_END)
        content.readline()
    else:
        content.seek(0)


@contextmanager
def _compressed(sink: IO[bytes]) -> Iterator[tarfile.TarFile]:
    with subprocess.Popen(["zstd", "--quiet", "--stdout"], stdin=subprocess.PIPE, stdout=sink) as z:
        assert z.stdin is not None
        with tarfile.open(fileobj=z.stdin, mode="w|") as tar:
            yield tar
        z.stdin.close()
    if z.returncode:
        raise ApplianceProblem(f"zstd ended with {z.returncode}")


@contextmanager
def _output(command: list[str], seconds: float) -> Iterator[IO[bytes]]:
    """What ``command`` says, and how it ended if not well."""
    with tempfile.TemporaryFile() as said:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT,
                timeout=seconds, check=False,
            )  # fmt: skip
            ended = f"exit {done.returncode}" if done.returncode else ""
        except subprocess.TimeoutExpired:
            ended = f"not over after {seconds:.0f} s"
        except OSError as error:
            ended = str(error)
        if ended:
            said.seek(0, os.SEEK_END)
            said.write(f"\n[{' '.join(command)}: {ended}]\n".encode())
        said.seek(0)
        yield said


def _add(tar: tarfile.TarFile, name: str, masker: Masker, content: IO[bytes]) -> None:
    # A tar says each size first, and that is known only once it is masked.
    with tempfile.SpooledTemporaryFile(max_size=8 << 20) as masked:
        for piece in masker.stream(content):
            masked.write(piece)
        entry = tarfile.TarInfo(name)
        entry.size = masked.tell()
        entry.mtime, entry.mode = int(time.time()), 0o600
        masked.seek(0)
        tar.addfile(entry, masked)
