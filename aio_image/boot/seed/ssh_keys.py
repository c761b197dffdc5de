"""Public SSH keys: read from a file, and found to be what they claim before an appliance boots."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path

from aio_image.errors import UsageError

# sshd(8), AUTHORIZED_KEYS FILE FORMAT: options may come first, then the type and base64.
_KEY = re.compile(r"(?:^|\s)((?:ssh-|ecdsa-|sk-)\S+)\s+(AAAA[A-Za-z0-9+/]+={0,2})(?:\s+(.*))?$")


def read_keys(path: Path) -> tuple[str, ...]:
    """The keys of a file such as id_ed25519.pub or authorized_keys. Raises UsageError."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise UsageError(f"--ssh-key {path}: cannot be read: {reason}") from error
    if "PRIVATE KEY" in text:
        raise UsageError(
            f"--ssh-key {path}: is a private key, which never leaves its owner",
            hint=f"name the public one: {path}.pub",
        )
    lines = [line.strip() for line in text.splitlines()]
    keys = tuple(line for line in lines if line and not line.startswith("#"))
    if not keys or not all(is_key(line) for line in keys):
        raise UsageError(f"--ssh-key {path}: is not a public key", hint=f"as {path}.pub")
    return keys


def is_key(line: str) -> bool:
    """``line`` is a public key as authorized_keys has it."""
    return _blob(line) is not None


def told(key: str) -> str:
    """``SHA256:... (comment)``, as `ssh-keygen -l` prints it."""
    found, blob = _KEY.search(key), _blob(key)
    if found is None or blob is None:
        return "not a key"
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode("ascii").rstrip("=")
    return f"SHA256:{digest}" + (f" ({found[3].strip()})" if found[3] else "")


def _blob(key: str) -> bytes | None:
    """The binary key, when its parts fill it and it is of the type that stands before it.

    RFC 4253, 6.6: each part is its length in four bytes, and itself.
    """
    found = _KEY.search(key)
    if found is None:
        return None
    try:
        blob = base64.b64decode(found[2], validate=True)
    except binascii.Error:
        return None
    parts, at = [], 0
    while at + 4 <= len(blob):
        length = int.from_bytes(blob[at : at + 4], "big")
        parts.append(blob[at + 4 : at + 4 + length])
        at += 4 + length
    if at != len(blob) or len(parts) < 2 or parts[0] != found[1].encode():
        return None
    return blob
