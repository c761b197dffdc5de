"""Keeping what a failed step was working on, with a command that shows it from the inside."""

from __future__ import annotations

import shlex
from pathlib import Path

from aio_image.execution.context import StepContext
from aio_image.host import mounts, trees
from aio_image.paths import Home

# The failed tree is only read: what is tried inside goes to memory and is gone afterwards.
_ENTER = """\
#!/bin/sh
# Opens a shell in the root file system that the step {step} failed on; needs root.
# Arguments are a command to run there instead. Nothing done there is kept.
set -eu
exec unshare --mount --propagation slave --pid --fork --kill-child --net --uts sh -eu -c '
folder=$1 layers=$2
shift 2
mount -t tmpfs -o mode=0700 tmpfs "$folder/inside"
cd "$folder"
mkdir inside/upper inside/work inside/root
mount -t overlay overlay -o "lowerdir=$layers,upperdir=inside/upper,workdir=inside/work" inside/root
mount -t proc proc inside/root/proc
mount --rbind /dev inside/root/dev
[ $# -gt 0 ] || set -- /bin/bash --login
exec env -i HOME=/root TERM="${{TERM:-dumb}}" LC_ALL=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot inside/root "$@"
' enter {folder} {layers} "$@"
"""


def keep_failed(home: Home, ctx: StepContext) -> str:
    """Move the scratch of ``ctx``'s step out of the run, to ``<home>/failed/<run>-<step>/``.

    Returns what to tell the user: the folder, and the command that opens a shell in the
    tree, where there is one.
    """
    scratch = ctx.output.parent
    folder = home.failed / f"{ctx.log.parent.name}-{ctx.step.name}"
    if mounts.mounts_below(scratch):
        return f"not kept: something is still mounted in {scratch}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch.rename(folder)
    layers = _layers(folder, ctx)
    if layers is None:
        return f"what it was working on is in {folder}"
    for number, layer in enumerate(layers):
        (folder / f"layer{number}").symlink_to(layer)
    (folder / "inside").mkdir()
    enter = folder / "enter"
    names = ":".join(f"layer{number}" for number in range(len(layers)))
    enter.write_text(
        _ENTER.format(
            step=ctx.step.name, folder=shlex.quote(str(folder)), layers=shlex.quote(names)
        ),
        encoding="utf-8",
    )
    enter.chmod(0o755)
    return f"look inside with: {shlex.quote(str(enter))} (kept in {folder})"


def _layers(folder: Path, ctx: StepContext) -> list[Path] | None:
    """The trees to lay over each other, uppermost first; None when the step has no tree."""
    tree = folder / "output" / trees.TREE
    if not tree.is_dir():
        return None
    if (folder / "output" / trees.WHOLE).exists():
        return [tree]
    below = trees.stack(ctx.layers) if ctx.layers else ()
    return [tree, *reversed(below)]
