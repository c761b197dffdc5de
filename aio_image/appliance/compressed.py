"""Secrets in what was compressed with gzip (RFC 1952), as it is or in base64.

The stream is made anew without them and filled up to its old length by a comment in its head, so
that it can be put in the same place, and whoever reads it finds a whole stream.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Iterator, Sequence

_MAGIC = re.compile(rb"\x1f\x8b\x08")
_MAGIC_IN_BASE64 = re.compile(rb"H4sI[A-Za-z0-9+/]+={0,2}")
_LARGEST = 16 * 1024 * 1024
_GZIP = 31  # zlib's window bits for gzip with its head
_RAW = -15
_COMMENT = 0x10  # the flag FCOMMENT


def without(data: bytes, wanted: Sequence[bytes]) -> dict[int, bytes]:
    """``offset: bytes`` to write over ``data``; then no stream in it spells one of ``wanted``."""
    found = {}
    for at, stream in _streams(data):
        new = _redacted(stream, wanted)
        if new is not None:
            found[at] = new
    for match in _MAGIC_IN_BASE64.finditer(data):
        try:
            decoded = base64.b64decode(match[0], validate=True)
        except binascii.Error:
            continue
        new = _redacted(decoded, wanted)
        if new is not None:
            found[match.start()] = base64.b64encode(new)
    return found


def _streams(data: bytes) -> Iterator[tuple[int, bytes]]:
    for match in _MAGIC.finditer(data):
        at = match.start()
        length = _length(memoryview(data)[at:])
        if length:
            yield at, data[at : at + length]


def _length(data: memoryview) -> int:
    """How long the stream is that ``data`` begins with; 0 when it is none."""
    reader = zlib.decompressobj(_GZIP)
    try:
        reader.decompress(data, _LARGEST)
    except zlib.error:
        return 0
    return len(data) - len(reader.unused_data) if reader.eof else 0


def _redacted(stream: bytes, wanted: Sequence[bytes]) -> bytes | None:
    """``stream`` without ``wanted``, as long as it is; None when it does not spell them."""
    reader = zlib.decompressobj(_GZIP)
    try:
        text = reader.decompress(stream, _LARGEST)
    except zlib.error:
        return None
    clean = text
    for word in wanted:
        clean = clean.replace(word, b"x" * len(word))
    if clean == text:
        return None
    rest = reader.unused_data if reader.eof else b""
    return _stream(clean, len(stream) - len(rest)) + rest


def _stream(text: bytes, length: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, _RAW)
    body = packer.compress(text) + packer.flush()
    spare = length - 18 - len(body)
    if spare < 0:
        return b"x" * length  # what packed it did so better than zlib can; then it is no stream
    comment = b" " * (spare - 1) + b"\0" if spare else b""
    # Magic, deflate, flags, no time, packed best, made on Unix.
    head = struct.pack("<2sBBIBB", b"\x1f\x8b", 8, _COMMENT if spare else 0, 0, 2, 3)
    return head + comment + body + struct.pack("<II", zlib.crc32(text), len(text) & 0xFFFFFFFF)
