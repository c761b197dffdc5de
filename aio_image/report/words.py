"""How times, sizes and outcomes are spelled, the same in every reporter."""

from __future__ import annotations

# Outcomes of a check: mark on a UTF-8 terminal, mark elsewhere, ANSI colour.
MARKS = {
    "ok": ("✓", "ok", "32"),
    "warning": ("!", "warn", "33"),
    "failed": ("✗", "FAIL", "31"),
    "skipped": ("-", "skip", "2"),
}


def spell_seconds(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3:05 min``, ``1:02:03 h``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    if whole < 100:
        return f"{whole} s"
    if minutes < 60:
        return f"{minutes}:{rest:02} min"
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"


def spell_fact(name: str, value: object) -> str:
    """A fact of a result: byte counts as MB, everything else as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and (name == "bytes" or name.endswith("_bytes")):
        return f"{value / 1e6:.0f} MB"
    if isinstance(value, float) and name.endswith("seconds"):
        return spell_seconds(value)
    return str(value)
