"""Which Debian packages a tree has, as dpkg wrote them down (dpkg(1): its status database)."""

from __future__ import annotations

import re
from pathlib import Path

from aio_image.errors import HostError

_STATUS = "var/lib/dpkg/status"
_FIELD = re.compile(r"^(Package|Version|Status): (.*)$", re.MULTILINE)


def installed(root: Path) -> dict[str, str]:
    """Package → version of each that is installed in the tree ``root``.

    Raises HostError where dpkg has no database.
    """
    try:
        text = (root / _STATUS).read_text(encoding="utf-8")
    except OSError as error:
        raise HostError(f"{root / _STATUS}: {error.strerror}") from error
    rows = (dict(_FIELD.findall(stanza)) for stanza in text.split("\n\n"))
    return {row["Package"]: row["Version"] for row in rows if _is_installed(row)}


def _is_installed(row: dict[str, str]) -> bool:
    # Want, error flag, state: `hold ok installed` counts, `deinstall ok config-files` does not.
    return row.get("Status", "").split()[-1:] == ["installed"]
