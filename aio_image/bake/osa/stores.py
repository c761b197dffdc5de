"""The step ``stores``: what the playbooks have installed in this build, as stores for a first boot.

It boots the deployed tree once more, with what the build host lends, since wheels are built with
the libraries that the playbooks installed. Nothing of that tree itself is kept.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from aio_image.bake.inside import run_inside
from aio_image.bake.osa.room import Room, entered
from aio_image.deployers.openstack_ansible.staging import staging
from aio_image.errors import BuildError
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.stores import apt, wheels
from aio_image.stores.dpkg import installed, newer
from aio_image.stores.freeze import Frozen, freeze, virtualenvs
from aio_image.stores.sets import StoredSet

APT, WHEELS, LIST = "apt", "wheels", "installed.json"
_ARCHIVES = "var/cache/apt/archives"
VENVS = "openstack/venvs"
_PYTHON = "/opt/ansible-runtime/bin/python"
# pip clones without contents (--filter); of a shallow copy, git then asks for what is missing, and
# does so again for that, in thousands of processes. Everything is there at once without it.
_GIT = {"GIT_NO_LAZY_FETCH": "1"}
# The last of the image's own layers: what is in it need not be installed.
_IMAGE = "runtime"


def run(ctx: StepContext) -> None:
    """Keeps ``apt/`` and ``wheels/``, sets of ``aio_image.stores``, and ``installed.json``.

    ``{"packages": {name: version}, "virtualenvs": {path: [{"name", "version", "requirement"}]}}``,
    of what the playbooks brought. Settings: those of ``room.entered``. Raises MirrorError with a
    line for each package and wheel that is not to be had.
    """
    run_inside(stores, ctx)


def stores(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    scratch = ctx.work / "deployed"
    scratch.mkdir()
    with entered(replace(ctx, output=scratch)) as room:
        wanted = brought(ctx, room.root)
        frozen = {
            f"/{place.relative_to(room.root)}": freeze(place)
            for place in virtualenvs(room.root / VENVS)
        }
        if not frozen:
            raise BuildError(f"the playbooks have left no virtualenv below /{VENVS}")
        ctx.progress(f"{len(wanted)} packages", 0.1)
        packages = repository(ctx, room, wanted)
        ctx.progress("wheels", 0.2)
        made = wheel_set(ctx, room, frozen)
    shutil.rmtree(scratch)
    keep(ctx.output, packages, made, wanted, frozen)


def keep(
    output: Path,
    packages: StoredSet,
    made: StoredSet,
    wanted: Mapping[str, str],
    frozen: Mapping[str, list[Frozen]],
) -> None:
    """Have both sets, and the list of what they were made for, in the step's folder."""
    for name, found in ((APT, packages), (WHEELS, made)):
        shutil.copytree(found.folder, output / name, copy_function=_place)
        print(f"{name}: {len(found.files)} files, {found.size / 1e6:.0f} MB", flush=True)
    told = {
        "packages": wanted,
        "virtualenvs": {place: [asdict(one) for one in rows] for place, rows in frozen.items()},
    }
    (output / LIST).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


def brought(ctx: StepContext, deployed: Path) -> dict[str, str]:
    """Package → version of those that ``deployed`` has and the staged image has not."""
    own = ctx.layers[: ctx.step.layers.index(_IMAGE) + 1]
    with trees.merged(own, ctx.work) as image:
        return newer(installed(deployed), installed(image))


def repository(ctx: StepContext, room: Room, wanted: Mapping[str, str]) -> StoredSet:
    """A repository of ``wanted``: of apt's own cache in the tree, and the rest from its mirror."""
    cache = room.root / _ARCHIVES
    at_hand = {(deb.name, deb.version) for deb in apt.read_debs([cache])}
    missing = [f"{name}={version}" for name, version in wanted.items()
               if (name, version) not in at_hand]  # fmt: skip
    if missing:
        print(f"not in apt's cache: {' '.join(missing)}", flush=True)
        for words in (["apt-get", "update"], ["apt-get", "download", *missing]):
            # What cannot be had is named below, each by itself.
            room.run(words, lambda line: print(line, flush=True), folder=f"/{_ARCHIVES}")
    debs = apt.choose(apt.read_debs([cache]), wanted)
    return apt.make_repository(debs, ctx.home.downloads / "stores" / APT)


def wheel_set(ctx: StepContext, room: Room, frozen: Mapping[str, list[Frozen]]) -> StoredSet:
    """A wheel of each distribution of ``frozen``, and of the tools that installing takes."""
    enter = room.container.enter({**room.environment, **_GIT})
    pip = wheels.Pip((*enter, _PYTHON), root=room.root)

    def told(name: str, done: int, total: int) -> None:
        ctx.progress(f"wheel of {name} ({done} of {total})", 0.2 + 0.8 * done / total)

    every = sorted({one for rows in frozen.values() for one in rows})
    store = ctx.home.downloads / "stores" / WHEELS
    return wheels.make_store(every, store, pip, tools=staging().tools, told=told)


def _place(source: str, target: str) -> str:
    """A hard link: a kept result and the store may share what neither changes."""
    try:
        Path(target).hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)
    return target
