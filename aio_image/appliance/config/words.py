"""Small things that are said of words: what a secret may spell, and which word was meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

# What a secret may spell wherever it ends up: ini files, URLs, JSON, shell, SQL.
PLAIN = r"[A-Za-z0-9._~-]+"
SHORTEST = 8
LONGEST = 72  # bcrypt, which keystone uses, reads no further


def wrong_with(value: str) -> str | None:
    """Why ``value`` cannot be a secret; None when it can."""
    if not re.fullmatch(PLAIN, value):
        return "may hold letters, digits and . _ ~ - only"
    if not SHORTEST <= len(value) <= LONGEST:
        return f"must have {SHORTEST} to {LONGEST} characters"
    return None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean ...?`` for the nearest known word, else the list of a few."""
    import difflib  # noqa: PLC0415 - only a wrong file pays for it

    words = list(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known are {', '.join(words)}" if 0 < len(words) <= 12 else ""
