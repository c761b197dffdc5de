"""Layered trees: a root file system as the kept results of several steps, one laid over another.

Each step that makes a root file system keeps a folder ``tree``. Where overlayfs works, ``tree``
holds only what differs from the steps below it, in overlayfs's own form (whiteouts are character
devices 0:0, replaced folders carry ``trusted.overlay.opaque``), so that the kernel reads it back
as a lower layer. Where overlayfs does not work (a home that is itself on an overlay, as in many
containers) ``tree`` is the whole root file system, and an empty file ``whole`` beside it says so.

The views mount in the caller's mount namespace: be in a private one (``host.namespace``), so that
even SIGKILL leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from aio_image.errors import BuildError, HostError
from aio_image.host.process import run

TREE = "tree"
WHOLE = "whole"

# As many as the kernel follows (path_resolution(7)).

# Nothing in a layer may refer to another layer, or the layers could not be kept, moved and pruned
# on their own: hence no redirects, no index and no metadata-only copies, whatever the kernel's
# defaults are. `volatile` drops every fsync in the tree (databases are written many times faster);
# `writable` makes up for it with one sync of the whole at the end.
_SELF_CONTAINED = "redirect_dir=off,index=off,metacopy=off"
_VOLATILE = f"{_SELF_CONTAINED},volatile"

# Removing what a lower layer holds and putting a folder in its place needs a whiteout and an
# opaque mark: file systems that cannot keep those mount, and fail only here.
_PROBE = f"""
mkdir -p lower/folder upper work merged
echo below > lower/folder/file
mount -t overlay overlay -o {_VOLATILE},lowerdir=lower,upperdir=upper,workdir=work merged
rm -r merged/folder
mkdir merged/folder
test ! -e merged/folder/file
echo above > merged/folder/other
"""


def overlay_works(folder: Path) -> bool:
    """Whether overlayfs can keep its upper layer in ``folder``, found out by really doing it.

    Needs root; ``folder`` is created when missing. The answer is kept for the life of the process.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return _probe(folder.stat().st_dev, folder)


@lru_cache
def _probe(device: int, folder: Path) -> bool:  # noqa: ARG001 - a device is what is remembered
    scratch = Path(tempfile.mkdtemp(prefix=".overlay-probe-", dir=folder))
    try:
        tried = run(
            ["unshare", "--mount", "--propagation", "private", "sh", "-e", "-c", _PROBE],
            cwd=scratch,
            check=False,
            timeout=60,
        )
        replaced = scratch / "upper" / "folder"
        return tried.status == 0 and _xattr(replaced, "trusted.overlay.opaque") == b"y"
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _xattr(path: Path, name: str) -> bytes:
    try:
        return os.getxattr(path, name, follow_symlinks=False)
    except OSError:
        return b""


def stack(results: Sequence[Path]) -> tuple[Path, ...]:
    """The ``tree`` folders that make up the newest of ``results``, lowest first.

    ``results`` are the kept results of steps, lowest first. Those below a whole copy do not
    count. Raises BuildError when a result holds no tree.
    """
    layers: list[Path] = []
    for result in results:
        tree = result / TREE
        if not tree.is_dir():
            raise BuildError(
                f"{result} holds no tree/", hint="run `aio-image clean` and build again"
            )
        if (result / WHOLE).exists():
            layers.clear()
        layers.append(tree)
    if not layers:
        raise BuildError("a layered tree was asked for without any step to take it from")
    return tuple(layers)


def layers_above(results: Sequence[Path], lower: int) -> tuple[Path, ...]:
    """The tree folders that hold what the results from number ``lower`` on brought.

    With deltas that is one folder per result; a whole copy stands for itself and all below it.
    """
    wanted = {result / TREE for result in results[lower:]}
    return tuple(tree for tree in stack(results) if tree in wanted)


@contextmanager
def merged(results: Sequence[Path], scratch: Path) -> Iterator[Path]:
    """The trees of ``results`` (lowest first) as one, read-only; gone when the block ends.

    ``scratch`` is a folder for the mount point. Raises HostError where the trees are layered but
    overlayfs does not work here (a home brought from another host).
    """
    layers = stack(results)
    room = Path(tempfile.mkdtemp(prefix="merged-", dir=_made(scratch)))
    point = room / "root"
    point.mkdir()
    if len(layers) == 1:
        # A bind mount takes the flag only when it is mounted once more.
        run(["mount", "--bind", layers[0], point])
        run(["mount", "-o", "remount,bind,ro", point])
    else:
        _link(room, layers)
        names = ":".join(str(n) for n in reversed(range(len(layers))))
        _mount_overlay(room, point, f"{_SELF_CONTAINED},lowerdir={names}", "ro")
    try:
        yield point
    finally:
        _unmount(point)
        shutil.rmtree(room, ignore_errors=True)


@contextmanager
def writable(
    results: Sequence[Path], output: Path, scratch: Path, *, durable: bool = True
) -> Iterator[Path]:
    """The trees of ``results`` (lowest first) as one, writable; changes end up in ``output/tree``.

    ``output`` and ``scratch`` must be on one file system. When the block ends, ``output/tree``
    holds the difference or, with ``output/whole``, a whole copy; ``durable`` waits until that is
    on disk. When the block raises, what is there is only good for looking at.
    """
    layers = stack(results)
    upper = output / TREE
    if not overlay_works(scratch):
        copy_tree(results, upper, scratch)
        (output / WHOLE).touch()
        yield upper
        if durable:
            run(["sync", "-f", output])
        return
    upper.mkdir(parents=True)
    _like(layers[-1], upper)
    room = Path(tempfile.mkdtemp(prefix="writable-", dir=_made(scratch)))
    point = room / "root"
    point.mkdir()
    (room / "work").mkdir()
    _link(room, layers)
    (room / "upper").symlink_to(upper.absolute())
    names = ":".join(str(n) for n in reversed(range(len(layers))))
    _mount_overlay(room, point, f"{_VOLATILE},lowerdir={names},upperdir=upper,workdir=work", "rw")
    try:
        yield point
    finally:
        _unmount(point)
        shutil.rmtree(room, ignore_errors=True)
    if durable:
        run(["sync", "-f", output])


def copy_tree(results: Sequence[Path], destination: Path, scratch: Path) -> None:
    """Copy the trees of ``results`` as one to the new folder ``destination``.

    Owners, modes, times, hard links and extended attributes (file capabilities among them) stay;
    blocks are shared where the file system can.
    """
    keep = "--preserve=mode,ownership,timestamps,links,xattr"
    with merged(results, scratch) as source:
        run(["cp", "-dR", keep, "--sparse=auto", "--reflink=auto", "-T", source, destination])


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _link(room: Path, layers: Sequence[Path]) -> None:
    # The mount options separate layers by ":" and options by ",": layers are named by short
    # links relative to the working folder, so that no path needs escaping or can be too long.
    for number, layer in enumerate(layers):
        (room / str(number)).symlink_to(layer.absolute())


def _mount_overlay(room: Path, point: Path, options: str, mode: str) -> None:
    run(
        ["mount", "-t", "overlay", "overlay", "-o", f"{mode},{options}", point],
        cwd=room,
        hint="this home holds layered results but overlayfs does not work here: "
        "run `aio-image clean --all` and build again",
    )


def _unmount(point: Path) -> None:
    try:
        run(["umount", point])
    except HostError:
        # Something still has a file open. The namespace's end takes it; nobody else sees it.
        run(["umount", "--lazy", point])


def _like(source: Path, target: Path) -> None:
    about = source.stat()
    os.chown(target, about.st_uid, about.st_gid)
    target.chmod(stat.S_IMODE(about.st_mode))
    os.utime(target, ns=(about.st_atime_ns, about.st_mtime_ns))
