"""What a check of the host is, and what it finds."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aio_image.deployers import HostNeeds
from aio_image.paths import Home

BUILD: Literal["build"] = "build"
BOOT: Literal["boot"] = "boot"
Purpose = Literal["build", "boot"]


@dataclass(frozen=True)
class Finding:
    """``outcome`` is ok, warning, failed or skipped; ``hint`` says how to mend it."""

    outcome: str
    detail: str
    hint: str = ""


def ok(detail: str) -> Finding:
    return Finding("ok", detail)


def warning(detail: str, hint: str) -> Finding:
    return Finding("warning", detail, hint)


def failed(detail: str, hint: str) -> Finding:
    return Finding("failed", detail, hint)


def skipped(detail: str) -> Finding:
    return Finding("skipped", detail)


@dataclass(frozen=True)
class Packages:
    """Where a build would have its packages from: ``distribution`` and ``release`` by their names
    in ``systems``, and ``mirror`` if one is named."""

    distribution: str
    release: str
    mirror: str | None


@dataclass(frozen=True)
class Host:
    """What a check may look at. ``thorough``: somebody asked for a check-up and has the time.

    ``home`` is where checks may try things out; ``builds`` where builds would be kept, which for
    who is not root is another place. Without ``packages`` no mirror is asked; without ``needs``
    only what every build takes.
    """

    home: Home
    builds: Home
    thorough: bool
    packages: Packages | None = None
    needs: HostNeeds | None = None

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for experiments where builds work; HostError where none can be made."""
        self.home.work.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".doctor-", dir=self.home.work))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@dataclass(frozen=True)
class HostCheck:
    """``purposes``: what cannot be done where it fails; empty for what is only good to know.

    ``at_start``: also made at the start of every build or boot, which a check-up need not suit.
    """

    name: str
    probe: Callable[[Host], Finding]
    purposes: frozenset[Purpose] = frozenset()
    at_start: bool = True
