"""/etc/aio/release.yaml: which build a tree is of. Who first writes canaries there writes it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from aio_image.errors import BuildError

PATH = "etc/aio/release.yaml"
_BAKE_ID = re.compile(r"[0-9a-f]{16}")


def read(path: Path) -> dict[str, Any]:
    """The file at ``path`` as it is in a tree; ``bake_id`` is sure to be one.

    Raises BuildError when it is not there, is no such file, or has no bake id (16 hex digits).
    """
    try:
        written = yaml.safe_load(path.read_text(encoding="utf-8"))
        identity = str(written["bake_id"])
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise BuildError(
            f"/{PATH} in the baked root does not say its bake id ({error})",
            hint="the playbook that writes it has to run in every bake",
        ) from error
    if not _BAKE_ID.fullmatch(identity):
        raise BuildError(f"/{PATH}: {identity} is not a bake id (16 hex digits)")
    return {**written, "bake_id": identity}
