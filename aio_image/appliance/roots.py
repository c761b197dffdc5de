"""The file systems of an appliance: the host's own, and those of LXC containers it may have.

OpenStack-Ansible's scenarios with ``lxc`` have services in containers of the host, and each
container's file system is a folder of the host's. A *root* is where one begins, as the host spells
it: "" for the host's own, ``/var/lib/lxc/<container>/rootfs`` for a container's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .problems import ApplianceProblem

HOST = ""
CONTAINERS = "/var/lib/lxc"
_LINKS = 40  # Linux's own limit (path_resolution(7))


def containers(tree: Path) -> dict[str, str]:
    """The containers of the appliance whose tree begins at ``tree``: name → its root."""
    found = sorted(tree.glob(f"{CONTAINERS.lstrip('/')}/*/rootfs"))
    return {path.parent.name: of(path.parent.name) for path in found}


def of(container: str) -> str:
    """The root of ``container``; "" is the host."""
    return f"{CONTAINERS}/{container}/rootfs" if container else HOST


def every(tree: Path) -> tuple[str, ...]:
    """Every root, the host's first."""
    return (HOST, *containers(tree).values())


def places(tree: Path, name: str) -> Iterator[str]:
    """Where ``name`` really is in each file system that has it, as the host spells it."""
    for root in every(tree):
        place = root + real(tree / root.lstrip("/"), name)
        if (tree / place.lstrip("/")).exists():
            yield place


def outside(tree: Path, container: str, name: str) -> str:
    """Where ``name`` of ``container`` ("" for the host) really is, as the host spells it.

    That is in its file system, or in a folder of the host's that lxc mounts into it
    (``lxc.mount.entry`` of its configuration: what, where below its root, and so on, as in
    fstab(5)).
    """
    if not container:
        return name
    source, target = of(container), ""
    path = real(tree / source.lstrip("/"), name)
    config = tree / source.lstrip("/") / "../config"
    for line in config.read_text("utf-8").splitlines():
        key, _, value = line.partition("=")
        words = value.split()
        if key.strip() != "lxc.mount.entry" or len(words) < 2 or not words[0].startswith("/"):
            continue
        below = f"/{words[1].strip('/')}"
        if len(below) > len(target) and f"{path}/".startswith(f"{below}/"):
            source, target = words[0].rstrip("/"), below
    return source + path[len(target) :]


def ids(root: Path, user: str) -> tuple[int, int]:
    """User and group id of ``user`` in the file system at ``root``. Raises ApplianceProblem."""
    for line in (root / "etc/passwd").read_text("utf-8").splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == user:
            return int(uid), int(gid)
    raise ApplianceProblem(f"{root}: has no user {user}", hint="build the image again")


def real(root: Path, name: str) -> str:
    """Where the absolute path ``name`` of the file system at ``root`` really is, as seen in it.

    Links are followed as a system running there would: an absolute one begins at ``root``, and
    ``..`` ends there. What does not exist stays as it is named. Raises ApplianceProblem for a loop.
    """
    waiting = name.strip("/").split("/")[::-1]
    here: list[str] = []
    followed = 0
    while waiting:
        part = waiting.pop()
        if part in ("", "."):
            continue
        if part == "..":
            del here[-1:]
            continue
        path = root.joinpath(*here, part)
        if not path.is_symlink():
            here.append(part)
            continue
        followed += 1
        if followed > _LINKS:
            raise ApplianceProblem(f"{name}: its symbolic links lead in a circle")
        target = str(path.readlink())
        if target.startswith("/"):
            here.clear()
        waiting += target.split("/")[::-1]
    return "/" + "/".join(here)
