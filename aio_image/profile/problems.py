"""Where a value stands, and what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Origin:
    """The place a value came from: a file and its line (from 1), or ``--set`` (line 0)."""

    source: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True, order=True)
class Problem:
    """One thing wrong in a profile: ``key`` is dotted, empty when it is about the whole file."""

    origin: Origin
    key: str
    message: str

    def __str__(self) -> str:
        named = not self.key or self.origin.source.endswith(f" {self.key}")
        key = "" if named else f"{self.key}: "
        return f"{self.origin}: {key}{self.message}"


def shown(path: Path) -> str:
    """``path`` as people read it: relative where it lies below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def meant(word: str, known: Iterable[str]) -> str:
    """``, did you mean 'x'?`` for the nearest of ``known``; empty when none is near."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean '{near[0]}'?" if near else ""
