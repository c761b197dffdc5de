"""Python's byte code for the virtual environments: uv makes none, and services may not write it.

Without it each process compiles all it imports at each start: on an appliance some thirty at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aio_image.host.process import run

_WHERE = ("openstack/venvs/*", "opt/ansible-runtime")
# No service imports them, and they are more than half of Nova.
_NOT = "/tests?/"


def compile_all(root: Path) -> dict[str, int]:
    """Compile the environments of the tree ``root`` by their own Python, some side by side.

    Gives for each how many files of byte code it has then. A file that is not Python of today
    (templates of code generators) is left as it is.
    """
    homes = sorted(_environments(root))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(pool.map(lambda home: _compile(root, home), homes))


def _environments(root: Path) -> Iterator[Path]:
    for pattern in _WHERE:
        yield from (home for home in root.glob(pattern) if (home / "bin/python3").is_symlink())


def _compile(root: Path, home: Path) -> tuple[str, int]:
    inside = f"/{home.relative_to(root)}"
    words = [f"{inside}/bin/python3", "-m", "compileall", "-q", "-x", _NOT, f"{inside}/lib"]
    # Status 1: some file could not be compiled.
    run(["chroot", root, *words], check=False, timeout=1800)
    return inside, sum(1 for _ in (home / "lib").rglob("*.pyc"))
