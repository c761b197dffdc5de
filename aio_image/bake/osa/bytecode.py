"""Python's byte code for the virtual environments: uv makes none, and services may not write it.

Without it each process compiles all it imports at each start: on an appliance some thirty at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aio_image.appliance import roots
from aio_image.bake.osa.files import inside
from aio_image.host.process import run

_WHERE = ("openstack/venvs/*", "opt/ansible-runtime")
# No service imports them, and they are more than half of Nova.
_NOT = "/tests?/"


def compile_all(root: Path) -> dict[str, int]:
    """Compile the environments of the tree ``root`` by their own Python, some side by side.

    Those of its containers too.

    Gives for each how many files of byte code it has then. A file that is not Python of today
    (templates of code generators) is left as it is.
    """
    tops = [inside(root, one) for one in roots.every(root)]
    homes = [(top, home) for top in tops for home in sorted(_environments(top))]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = list(pool.map(lambda one: _compile(*one), homes))
    return {f"/{home.relative_to(root)}": n for (_, home), n in zip(homes, counts, strict=True)}


def _environments(root: Path) -> Iterator[Path]:
    for pattern in _WHERE:
        yield from (home for home in root.glob(pattern) if (home / "bin/python3").is_symlink())


def _compile(root: Path, home: Path) -> int:
    own = f"/{home.relative_to(root)}"
    words = [f"{own}/bin/python3", "-m", "compileall", "-q", "-x", _NOT, f"{own}/lib"]
    # Status 1: some file could not be compiled.
    run(["chroot", root, *words], check=False, timeout=1800)
    return sum(1 for _ in (home / "lib").rglob("*.pyc"))
