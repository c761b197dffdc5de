"""Sizes as people write them."""

from __future__ import annotations

GIB = 1024**3


def size(count: int) -> str:
    """``count`` bytes, in the largest binary unit that leaves no more than a digit behind."""
    number = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if number < 1024 or unit == "TiB":
            break
        number /= 1024
    return f"{number:.1f}".removesuffix(".0") + f" {unit}"
