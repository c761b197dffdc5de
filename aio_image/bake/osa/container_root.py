"""The root of LXC containers, packed: found in a deployed tree, and made ready for a staged image.

The role lxc_hosts makes it once, in the folder where lxc's own template ``download`` keeps what it
has fetched, and makes no other before the time in the file ``expiry`` there. Whoever has that
folder from the start has containers without asking a mirror.
"""

from __future__ import annotations

import io
import lzma
import shutil
import tarfile
from pathlib import Path

from aio_image.bake.canary import PREFIX
from aio_image.bake.osa.sleeping import SOURCES, asleep
from aio_image.deployers.openstack_ansible.staging import staging
from aio_image.errors import BuildError
from aio_image.stores.apt import sources as apt_sources

# Below it: distribution, release, architecture, variant.
CACHE = "var/cache/lxc/download"
_PACKED = "rootfs.tar.xz"
_STATUS = "var/lib/dpkg/status"
# As the role has it (lxc_image_compression_ratio): it is unpacked for each container.
_PRESET = 0


def find(tree: Path) -> Path:
    """The folder with the packed root in ``tree``. Raises BuildError where there is not one."""
    found = sorted(tree.glob(f"{CACHE}/*/*/*/*/{_PACKED}"))
    if len(found) != 1:
        raise BuildError(
            f"/{CACHE} has {len(found)} packed roots for containers, not one",
            hint="the role lxc_hosts makes it in setup_hosts: build again with --from setup_hosts",
        )
    return found[0].parent


def carry(folder: Path, target: Path) -> str:
    """Have ``folder``, one that ``find`` gave, in ``target``, with apt's sources of a staged image.

    Returns dpkg's database in it. Raises BuildError where it holds a canary or has no such database
    or sources.
    """
    target.mkdir(parents=True)
    for path in folder.iterdir():
        if path.name != _PACKED:
            shutil.copy2(path, target / path.name)
    sleeping = {path.lstrip("/") for path in staging().asleep}
    status = None
    with (
        lzma.open(folder / _PACKED) as packed,
        tarfile.open(fileobj=packed, mode="r|") as old,
        lzma.open(target / _PACKED, "wb", preset=_PRESET) as out,
        tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as new,
    ):
        for member in old:
            name = member.name.removeprefix("./")
            stream = old.extractfile(member) if member.isreg() else None
            if stream is None:
                new.addfile(member)
                continue
            data = stream.read()
            if PREFIX.encode() in data:
                raise BuildError(
                    f"{folder / _PACKED}: /{name} in it holds a secret of the build",
                    hint="what the role lxc_hosts copies from the host is in "
                    "aio_image/deployers/openstack_ansible/containers.yaml",
                )
            if name == _STATUS:
                status = data.decode("utf-8")
            if name in sleeping:
                sleeping.remove(name)
                data = asleep(data.decode("utf-8")).encode()
                member.size = len(data)
            new.addfile(member, io.BytesIO(data))
        own = apt_sources(Path(staging().places["apt"])).encode()
        new.addfile(_file(SOURCES, len(own)), io.BytesIO(own))
    if missing := [*sorted(sleeping), *([] if status else [_STATUS])]:
        raise BuildError(
            f"{folder / _PACKED}: has no /{missing[0]}",
            hint="aio-container-root of aio_image/deployers/openstack_ansible/containers.yaml "
            "puts the distribution's sources there",
        )
    assert status is not None
    return status


def _file(path: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(f".{path}")
    member.size, member.mode, member.uname, member.gname = size, 0o644, "root", "root"
    return member
