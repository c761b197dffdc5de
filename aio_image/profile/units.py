"""Sizes and durations as people write them: ``12 GiB``, ``90 s``."""

from __future__ import annotations

import re

SIZE_PATTERN = r"^[0-9]+(\.[0-9]+)? ?(MiB|GiB|TiB)$"
DURATION_PATTERN = r"^[0-9]+ ?(s|min|h)$"
_BYTES = {"MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_SECONDS = {"s": 1, "min": 60, "h": 3600}


def parse_size(text: object) -> int:
    """Bytes of ``12 GiB``. ValueError for anything else, a bare number included."""
    if not isinstance(text, str) or not re.match(SIZE_PATTERN, text, re.ASCII) or "\n" in text:
        raise ValueError(f"{text!r} is not a size: write a number and MiB, GiB or TiB, as '12 GiB'")
    number, unit = text[:-3].strip(), text[-3:]
    size = float(number) * _BYTES[unit]
    if size % (1 << 20):
        raise ValueError(f"{text!r} is not a whole number of MiB")
    return int(size)


def parse_duration(text: object) -> int:
    """Seconds of ``90 s``. ValueError for anything else, a bare number included."""
    if not isinstance(text, str) or not re.match(DURATION_PATTERN, text, re.ASCII) or "\n" in text:
        raise ValueError(f"{text!r} is not a time: write a number and s, min or h, as '90 s'")
    number = re.match(r"[0-9]+", text)
    assert number
    return int(number.group()) * _SECONDS[text[number.end() :].strip()]


def format_size(size: int) -> str:
    """The shortest exact spelling of ``size`` bytes (a whole number of MiB)."""
    unit = next(unit for unit in ("TiB", "GiB", "MiB") if size % _BYTES[unit] == 0)
    return f"{size // _BYTES[unit]} {unit}"
