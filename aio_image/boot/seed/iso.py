"""The seed's files as a medium: ISO 9660, labelled as cloud-init looks for it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

import pycdlib

LABEL = "CIDATA"


def write_files(path: Path, files: Mapping[str, str]) -> None:
    """Write ``files`` (name: text) as an ISO 9660 image at ``path``, for its owner only.

    Rock Ridge and Joliet carry the names as cloud-init wants them: lower case, with a dash.
    Raises FileExistsError when something is there.
    """
    iso = pycdlib.PyCdlib()
    iso.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABEL)
    try:
        for name, text in files.items():
            content = text.encode()
            plain = name.replace("-", "_").upper()
            iso.add_fp(
                io.BytesIO(content),
                len(content),
                iso_path=f"/{plain}.;1",
                rr_name=name,
                joliet_path=f"/{name}",
            )
        # It may hold the administrator's password: private from the first byte on.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                iso.write_fp(file)
        except BaseException:
            path.unlink()  # half a seed is none
            raise
    finally:
        iso.close()


def read_seed(path: Path) -> dict[str, str]:
    """The files of the seed at ``path``, by name."""
    iso = pycdlib.PyCdlib()
    iso.open(str(path))
    try:
        found = {}
        for child in iso.list_children(joliet_path="/"):
            if child is None or not child.is_file():
                continue
            name = child.file_identifier().decode("utf-16-be")
            content = io.BytesIO()
            iso.get_file_from_iso_fp(content, joliet_path=f"/{name}")
            found[name] = content.getvalue().decode()
        return found
    finally:
        iso.close()
