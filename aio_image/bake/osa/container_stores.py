"""The step ``stores`` where services are in LXC containers: what their systems take besides.

Their packages are in a repository of their own, but for those of the root that all of them begin
with: it is carried as the role lxc_hosts packed it. Which containers there are, and where, stays as
it is in this build: an appliance's are made by the inventory of the deployed tree.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from aio_image.appliance import roots
from aio_image.bake.inside import run_inside
from aio_image.bake.osa import container_root, stores, sufficient
from aio_image.bake.osa.container_wheels import Environment, pip_of
from aio_image.bake.osa.files import inside, write
from aio_image.bake.osa.room import Room, entered
from aio_image.deployers.openstack_ansible.staging import staging
from aio_image.errors import BuildError
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.stores import apt, wheels
from aio_image.stores.dpkg import installed, newer
from aio_image.stores.freeze import freeze, virtualenvs
from aio_image.stores.sets import StoredSet, place

APT, ROOT, OUTLINE, LIST = "apt-containers", "root", "outline", "containers.json"
_STATUS = "var/lib/dpkg/status"
_ARCHIVES = "var/cache/apt/archives"
# The last of the image's own layers, as in `stores`.
_IMAGE = "runtime"
# What `lxc.place` reads.
INVENTORY = "etc/openstack_deploy/openstack_inventory.json"
_BRIDGE = "etc/default/lxc-net"
_UNITS = ("etc/systemd/system", "usr/lib/systemd/system")

# Name → versions: containers may have been set up while their mirror changed.
Versions = dict[str, set[str]]


def run(ctx: StepContext) -> None:
    """Keeps what ``aio_image.bake.osa.stores`` does, of containers' virtualenvs too, and besides

    - ``apt-containers/``, a set of ``aio_image.stores``, and ``containers.json``: for each
      container name → version of the packages that it has and its root had not;
    - ``root/``: the packed root, at its place below /var/cache/lxc/download;
    - ``outline/``: of the deployed tree what ``aio_image.bake.osa.lxc.place`` looks at.

    Settings: those of ``room.entered``. Raises BuildError where a repository is not enough for who
    is to install from it, MirrorError with a line for each package and wheel that is not to be had.
    """
    run_inside(collect, ctx)


def collect(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    scratch = ctx.work / "deployed"
    scratch.mkdir()
    with entered(replace(ctx, output=scratch)) as room:
        packed = container_root.find(room.root)
        kept = ctx.output / ROOT / packed.relative_to(room.root / container_root.CACHE)
        ctx.progress("the containers' root", 0.05)
        status = container_root.carry(packed, kept)
        outline(room.root, ctx.output / OUTLINE)
        held = tuple(environments(room.root))
        if not held:
            raise BuildError(f"the playbooks have left no virtualenv below /{stores.VENVS}")
        wanted = stores.brought(ctx, room.root)
        inner = brought(room.root, status, ctx.work)
        ctx.progress(f"{len(wanted)} packages", 0.1)
        packages = stores.repository(ctx, room, wanted)
        sufficient.check(room, packages.folder, _status_of_image(ctx), wanted, "the host")
        ctx.progress("packages of containers", 0.15)
        others = repository(ctx, room, inner)
        for name, table in inner.items():
            sufficient.check(room, others.folder, status, table, f"the container {name}")
        ctx.progress("wheels", 0.2)
        made = _wheels(ctx, room, held)
    shutil.rmtree(scratch)
    stores.keep(ctx.output, packages, made, wanted, {one.place: list(one.held) for one in held})
    shutil.copytree(others.folder, ctx.output / APT, copy_function=_place)
    print(f"{APT}: {len(others.files)} files, {others.size / 1e6:.0f} MB", flush=True)
    (ctx.output / LIST).write_text(json.dumps(inner, indent=1) + "\n", encoding="utf-8")


def brought(tree: Path, status: str, scratch: Path) -> dict[str, dict[str, str]]:
    """Container → package → version, of those in ``tree`` that their root had not.

    ``status`` is dpkg's database in that root.
    """
    base = scratch / "base"
    write(base, _STATUS, status)
    before = installed(base)
    return {
        name: newer(installed(inside(tree, root)), before)
        for name, root in roots.containers(tree).items()
    }


def environments(tree: Path) -> Iterator[Environment]:
    """Every virtualenv of OpenStack-Ansible's in ``tree``, the host's first."""
    homes = {roots.HOST: "", **{root: name for name, root in roots.containers(tree).items()}}
    for root, name in homes.items():
        top = inside(tree, root)
        for folder in virtualenvs(top / stores.VENVS):
            path = f"/{folder.relative_to(top)}"
            yield Environment(name, root + path, path, tuple(freeze(folder)))


def repository(ctx: StepContext, room: Room, wanted: Mapping[str, Mapping[str, str]]) -> StoredSet:
    """A repository of what ``brought`` gave: of apt's caches in the tree, and the rest from its
    mirror. Raises MirrorError with a line for each that is not to be had.
    """
    tables = list(parts(wanted.values()))
    caches = [inside(room.root, root) / _ARCHIVES for root in roots.every(room.root)]
    at_hand = {(deb.name, deb.version) for deb in apt.read_debs(caches)}
    every = {(name, version) for part in tables for name, version in part.items()}
    missing = [f"{name}={version}" for name, version in sorted(every - at_hand)]
    if missing:
        print(f"not in containers' caches: {' '.join(missing)}", flush=True)
        # What cannot be had is named below, each by itself.
        room.run(
            ["apt-get", "download", *missing],
            lambda line: print(line, flush=True),
            folder=f"/{_ARCHIVES}",
        )
    debs = apt.read_debs(caches)
    chosen = [deb for part in tables for deb in apt.choose(debs, part)]
    return apt.make_repository(chosen, ctx.home.downloads / "stores" / stores.APT)


def parts(tables: Iterable[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    """All rows of ``tables``, in as many tables as a package has versions."""
    versions: Versions = {}
    for table in tables:
        for name, version in table.items():
            versions.setdefault(name, set()).add(version)
    rows = {name: sorted(each) for name, each in sorted(versions.items())}
    for number in range(max(map(len, rows.values()), default=0)):
        yield {name: each[number] for name, each in rows.items() if number < len(each)}


def _wheels(ctx: StepContext, room: Room, held: tuple[Environment, ...]) -> StoredSet:
    pip = pip_of(room, held)

    def told(name: str, done: int, total: int) -> None:
        ctx.progress(f"wheel of {name} ({done} of {total})", 0.2 + 0.8 * done / total)

    every = sorted({one for each in held for one in each.held})
    store = ctx.home.downloads / "stores" / stores.WHEELS
    return wheels.make_store(every, store, pip, tools=staging().tools, told=told)


def outline(tree: Path, target: Path) -> None:
    """Have in ``target`` what ``lxc.place`` looks at in ``tree``: containers and units by their
    names, empty; the inventory and the bridge's settings.
    """
    for root in roots.containers(tree).values():
        inside(target, root).mkdir(parents=True)
    for path in (INVENTORY, _BRIDGE):
        write(target, path, inside(tree, path).read_text("utf-8"))
    for folder in _UNITS:
        for unit in sorted((tree / folder).iterdir()):
            if unit.suffix and not unit.is_dir():
                write(target, f"{folder}/{unit.name}", "")


def _status_of_image(ctx: StepContext) -> str:
    own = ctx.layers[: ctx.step.layers.index(_IMAGE) + 1]
    with trees.merged(own, ctx.work) as image:
        return (image / _STATUS).read_text("utf-8")


def _place(source: str, target: str) -> str:
    place(Path(source), Path(target))
    return target
