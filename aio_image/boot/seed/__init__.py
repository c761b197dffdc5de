"""The seed: a NoCloud ISO that tells one appliance who it is.

Format: cloud-init's NoCloud data source, a file system labelled CIDATA with ``user-data``,
``meta-data`` and maybe ``network-config`` in its root.
"""

from __future__ import annotations

from pathlib import Path

from aio_image.boot.seed.files import CONFIG_PATH, Seed
from aio_image.boot.seed.iso import LABEL, read_seed, write_files

__all__ = ["CONFIG_PATH", "LABEL", "Seed", "read_seed", "write_seed"]


def write_seed(path: Path, seed: Seed, *, replace: bool = False) -> None:
    """Write ``seed`` as an ISO at ``path``, readable by its owner only.

    Raises FileExistsError when something is there, unless ``replace``: then the old one stays
    until the new one is whole.
    """
    if not replace:
        write_files(path, seed.files())
        return
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    write_files(new, seed.files())
    new.replace(path)
