"""The image against its own root file system, packed."""

from __future__ import annotations

import sys
from pathlib import Path

from aio_image.host import trees
from aio_image.host.process import run
from benchmarks.builds import layers_of
from benchmarks.rows import Row

_MB = 1_000_000.0
_NO_LIMIT = 3600.0


def image_size(profile: str, home: Path, image: Path) -> Row:
    """The QCOW2 in MB; its floor is tar and zstd, at QCOW2's own level, of the sealed tree."""
    packed = run(
        # The view of the layers is a mount: in a namespace, so that it ends with the process.
        ["unshare", "--mount", "--propagation", "private",
         sys.executable, "-m", "benchmarks.sizes", home / "work", *layers_of(profile, home)],
        cwd=Path(__file__).resolve().parents[1],
        timeout=_NO_LIMIT,
    )  # fmt: skip
    return Row(
        "image size",
        image.stat().st_size / _MB,
        "MB",
        target=700,
        floor=int(packed.output) / _MB,
        floor_name="tar and zstd -3 of the sealed root",
    )


def _packed_bytes(scratch: Path, results: list[Path]) -> int:
    with trees.merged(results, scratch) as root:
        pack = (
            'set -o pipefail; tar --create --xattrs --directory="$0" . | zstd -3 -T0 | wc --bytes'
        )
        return int(run(["bash", "-c", pack, root], timeout=_NO_LIMIT).output)


if __name__ == "__main__":
    print(_packed_bytes(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]))
