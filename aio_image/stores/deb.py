"""What a Debian package says of itself, read here: a program for each takes long with a thousand.

deb(5): an ar archive of ``debian-binary``, ``control.tar`` and ``data.tar``, the tars compressed.
"""

from __future__ import annotations

import io
import lzma
import re
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO

from aio_image.host import process

_MAGIC = b"!<arch>\n"
_HEADER = 60
_FIELD = re.compile(r"^(Package|Version|Architecture):[ \t]*(\S+)[ \t]*$", re.MULTILINE)
# What Python unpacks by itself; Debian uses xz, Ubuntu zstd.
_OURS = ("control.tar", "control.tar.gz", "control.tar.xz", "control.tar.bz2")


class NotADeb(Exception):
    """Why a file is no Debian package."""


def control(path: Path) -> dict[str, str]:
    """``Package``, ``Version`` and ``Architecture`` of the package file ``path``.

    Raises NotADeb, OSError.
    """
    with path.open("rb") as file:
        name, content = _control_member(file)
    text = _unpacked(content) if name in _OURS else _asked(path)
    found = dict(_FIELD.findall(text.split("\n\n")[0]))
    if len(found) != 3:
        raise NotADeb("its control file does not name package, version and architecture")
    return found


def _control_member(file: BinaryIO) -> tuple[str, bytes]:
    """Name and content of the member ``control.tar*``, which is the second."""
    if file.read(len(_MAGIC)) != _MAGIC:
        raise NotADeb("is no ar archive, as a Debian package is")
    while header := file.read(_HEADER):
        name = header[:16].decode("ascii", "replace").rstrip(" ").removesuffix("/")
        size = header[48:58].strip()
        if len(header) != _HEADER or not header.endswith(b"`\n") or not size.isdigit():
            raise NotADeb("its ar archive is damaged")
        if name.startswith("control.tar"):
            content = file.read(int(size))
            if len(content) < int(size):
                raise NotADeb("ends in the middle of its control archive")
            return name, content
        # Members begin at even places.
        file.seek(int(size) + int(size) % 2, io.SEEK_CUR)
    raise NotADeb("has no control archive")


def _unpacked(content: bytes) -> str:
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for member in tar:
                if member.name.removeprefix("./") != "control":
                    continue
                if file := tar.extractfile(member):
                    return file.read().decode("utf-8", "replace")
    except (tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError) as error:
        raise NotADeb(f"its control archive is damaged ({error})") from error
    raise NotADeb("has no control file")


def _asked(path: Path) -> str:
    asked = process.run(["dpkg-deb", "--field", path], check=False)
    if asked.status:
        raise NotADeb((asked.errors.strip().splitlines() or ["dpkg-deb cannot read it"])[-1])
    return asked.output
