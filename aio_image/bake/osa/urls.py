"""Which files have the public host's placeholder in URLs: found, since releases differ."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from aio_image.appliance import roots
from aio_image.appliance.respelling import FORMAT
from aio_image.bake.ledger import ENDPOINT_HOST
from aio_image.bake.osa.files import inside, write

NOTE = "usr/share/aio/urls.json"
_BELOW = ("etc", "root")
# Their configuration; /etc has links to it.
_ENVIRONMENTS = "openstack/venvs/*/etc"
_LARGEST = 1 << 20


def note(root: Path) -> list[str]:
    """Note them in the tree ``root`` for the appliance (``respelling.py``). What was found."""
    wanted = f"://{ENDPOINT_HOST}".encode()
    found = [f"/{path.relative_to(root)}" for path in _files(root) if wanted in path.read_bytes()]
    write(root, NOTE, json.dumps({"format": FORMAT, "files": found}, indent=1) + "\n")
    return found


def _files(tree: Path) -> Iterator[Path]:
    for root in (inside(tree, one) for one in roots.every(tree)):
        yield from _below(root)


def _below(root: Path) -> Iterator[Path]:
    for top in [*(root / below for below in _BELOW), *sorted(root.glob(_ENVIRONMENTS))]:
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                path = Path(folder, name)
                if not path.is_symlink() and path.is_file() and path.stat().st_size <= _LARGEST:
                    yield path
