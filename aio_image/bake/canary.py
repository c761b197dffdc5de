"""Canaries: the throw-away secrets of a bake, and what the bake id is.

Format: docs/architecture.md, "Secrets". The appliance has the same rule in its own code
(aio_image.appliance imports nothing of ours); tests hold the two together.
"""

from __future__ import annotations

import base64
import hashlib

PREFIX = "aioCanary"
# 256 bits in base32, without its padding.
LONGEST = len(PREFIX) + 52
# Fewer digits than this could be met by chance in a large image.
SHORTEST = len(PREFIX) + 16


def bake_id(step_key: str) -> str:
    """The bake id of the bake with this content key: its first 16 hex digits.

    Equal inputs give equal keys, hence equal canaries and an equal image.
    """
    return step_key[:16]


def canary(bake: str, name: str, length: int) -> str:
    """The canary for the secret ``name`` in the bake ``bake``; exactly ``length`` characters.

    Raises ValueError when ``length`` is outside SHORTEST..LONGEST.
    """
    if not SHORTEST <= length <= LONGEST:
        raise ValueError(f"secret {name}: length {length} is not in {SHORTEST}..{LONGEST}")
    digest = hashlib.sha256(f"{bake}/{name}".encode()).digest()
    return (PREFIX + base64.b32encode(digest).decode().rstrip("=").lower())[:length]
