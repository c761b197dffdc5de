"""Which Debian packages a tree has, as dpkg wrote them down (dpkg(1): its status database)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aio_image.errors import HostError

_STATUS = "var/lib/dpkg/status"
_FIELD = re.compile(r"^(Package|Version|Status|Installed-Size): (.*)$", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Package:
    """``size`` is what it takes on disk, in KiB; an empty package may state none: 0."""

    name: str
    version: str
    size: int


def installed(root: Path) -> list[Package]:
    """Those that are installed in the tree ``root``, sorted; for two architectures it comes twice.

    Raises HostError where dpkg has no database.
    """
    try:
        text = (root / _STATUS).read_text(encoding="utf-8")
    except OSError as error:
        raise HostError(f"{root / _STATUS}: {error.strerror}") from error
    rows = (dict(_FIELD.findall(stanza)) for stanza in text.split("\n\n"))
    return sorted(
        Package(row["Package"], row["Version"], int(row.get("Installed-Size", 0)))
        for row in rows
        if _is_installed(row)
    )


def newer(after: Iterable[Package], before: Iterable[Package]) -> dict[str, str]:
    """Name → version of those of ``after`` that are not, in that version, in ``before``."""
    there = {(each.name, each.version) for each in before}
    return {each.name: each.version for each in after if (each.name, each.version) not in there}


def package_list(root: Path) -> str:
    """``packages.txt`` of a tree: a line with name, version and size for each installed package."""
    rows = (f"{each.name} {each.version} {each.size}\n" for each in installed(root))
    return "".join(sorted(rows))


def _is_installed(row: dict[str, str]) -> bool:
    # Want, error flag, state: `hold ok installed` counts, `deinstall ok config-files` does not.
    return row.get("Status", "").split()[-1:] == ["installed"]
