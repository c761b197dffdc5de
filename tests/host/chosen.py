"""A seed with a secret chosen by the most roundabout way there is, and who still knows it.

The user-data is compressed, and the configuration names a file that it writes.
"""

from __future__ import annotations

import gzip
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aio_image.appliance import compressed, scrub

_FOLDER = "var/lib/cloud/seed/nocloud"
FILE = "/root/chosen"
# Where a copy of a seed, or of what it wrote, would be.
_PLACES = ("var/lib/cloud", "run/cloud-init", "var/log", "etc/aio", "root", "tmp")


@dataclass(frozen=True)
class ChosenSecret:
    """``name`` is the secret that is chosen, ``value`` what it is."""

    name: str
    value: str = field(repr=False)

    @classmethod
    def choosing(cls, name: str) -> ChosenSecret:
        return cls(name, secrets.token_hex(16))

    def write(self, root: Path) -> None:
        """Put it into ``root``, where NoCloud looks as well."""
        config = {"secrets": {self.name: {"file": FILE}}}
        written = {FILE: f"{self.value}\n", "/etc/aio/config.yaml": json.dumps(config)}
        told = {
            "write_files": [
                {"path": path, "permissions": "0600", "content": content}
                for path, content in written.items()
            ]
        }
        folder = root / _FOLDER
        folder.mkdir(parents=True)
        (folder / "meta-data").write_text("instance-id: aio-chosen\nlocal-hostname: aio\n")
        data = f"#cloud-config\n{json.dumps(told)}\n".encode()
        (folder / "user-data").write_bytes(gzip.compress(data))

    def known_to(self, root: Path) -> list[str]:
        """Files below ``root`` that still tell it, or ought to be gone."""
        spellings = scrub.spellings(self.value)
        found = [FILE] if (root / FILE.lstrip("/")).exists() else []
        for path in _files(root):
            data = path.read_bytes()
            if any(word in data for word in spellings) or compressed.without(data, spellings):
                found.append(f"/{path.relative_to(root)}")
        return found


def _files(root: Path) -> Iterator[Path]:
    for place in _PLACES:
        for folder, _, names in os.walk(root / place):
            for name in names:
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink():
                    yield path
