"""What the kernel lets us do: be root, loop devices, partitions, overlays, namespaces."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from aio_image.doctor.model import (
    BUILD,
    Finding,
    Host,
    HostCheck,
    failed,
    ok,
    skipped,
    warning,
)
from aio_image.errors import HostError
from aio_image.host import loops, reap, runs
from aio_image.host.namespace import run_private
from aio_image.host.process import run
from aio_image.host.trees import overlay_works

_CONTAINER = "in a container: run it privileged, with the host's /dev"
_AS_ROOT = "needs root: sudo aio-image doctor"
_MIB = 1 << 20
# A deployed cloud in one container uses about twenty.
_INOTIFY_FREE = 64


def kernel_checks() -> tuple[HostCheck, ...]:
    build = frozenset({BUILD})
    return (
        HostCheck("root", root, build),
        HostCheck("namespaces", namespaces, build),
        HostCheck("loop devices", loop_devices, build),
        HostCheck("overlayfs", overlayfs, build),
        HostCheck("control groups", control_groups, build),
        HostCheck("inotify instances", inotify_instances, build),
        HostCheck("device-mapper, nbd, vfat", not_needed),
    )


def root(_host: Host) -> Finding:
    if os.geteuid() == 0:
        return ok("root")
    if shutil.which("sudo"):
        return ok("not root: builds start themselves again through sudo")
    return failed("not root, and there is no sudo", "builds need root: become root, or get sudo")


def namespaces(host: Host) -> Finding:
    if os.geteuid() != 0:
        return skipped(_AS_ROOT)
    with host.scratch() as folder:
        log = folder / "log"
        script = 'test $$ = 1 && mount -t tmpfs none "$0"'
        status = run_private(["sh", "-c", script, folder], log=log, timeout=20)
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if status != 0:
        return failed(said[-1] if said else f"unshare exits with {status}", _CONTAINER)
    return ok("private mount and pid namespaces")


def loop_devices(host: Host) -> Finding:
    """Bind one to a disk with a partition: the real thing, as an image is made."""
    if not Path("/dev/loop-control").exists():
        return failed("there is no /dev/loop-control", f"modprobe loop; {_CONTAINER}")
    if os.geteuid() != 0:
        return skipped(_AS_ROOT)
    if not host.thorough:
        return ok("/dev/loop-control")
    # A run of its own: should we be killed here, the device is let go by the next start.
    with runs.claimed(host.home, "doctor") as this:
        try:
            return _try_loop(this.folder / "disk.raw")
        finally:
            reap.free(this.folder, this.name, runs.boot_id())


def _try_loop(image: Path) -> Finding:
    with image.open("wb") as file:
        file.truncate(8 * _MIB)
    run(["sgdisk", "--new=1:0:+1M", "--new=2:0:0", image])
    # --partscan asks the kernel to read the table, which some are built without.
    device = run(["losetup", "--find", "--show", "--partscan", image]).output.strip()
    loop = loops.record(device)
    try:
        by_itself = bool(loops.partitions(device))
        nodes = loops.add_partitions(device)
    finally:
        loops.detach(loop)
    if len(nodes) != 2:
        return failed(f"{device} shows {len(nodes)} of 2 partitions", "the kernel lacks BLKPG")
    how = "the kernel reads partition tables" if by_itself else "partitions by partx"
    return ok(f"{device} works; {how}")


def overlayfs(host: Host) -> Finding:
    if os.geteuid() != 0:
        return skipped(_AS_ROOT)
    if overlay_works(host.home.work):
        return ok(f"works in {host.home.root}")
    return warning(
        f"does not work in {host.home.root}: steps copy the whole tree, which takes longer and "
        "more disk",
        "modprobe overlay, or set AIO_IMAGE_HOME to a folder on ext4, xfs or btrfs",
    )


def control_groups(_host: Host) -> Finding:
    """systemd-nspawn boots the image's own systemd, which wants the unified hierarchy."""
    kinds = Path("/proc/filesystems").read_text(encoding="ascii").split()
    if "cgroup2" not in kinds:
        return failed("the kernel has no cgroup2", "Linux 5.10 or later, built with CONFIG_CGROUPS")
    mounted = {
        line.split()[1]: line.split()[2]
        for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
        if line.split()[2] in ("cgroup", "cgroup2")
    }
    if mounted.get("/sys/fs/cgroup") == "cgroup2":
        return ok("unified")
    return ok("hybrid: containers get the unified hierarchy" if mounted else "none mounted")


def inotify_instances(host: Host) -> Finding:
    """Those of root in all containers count as one user's; who gets none hangs, libvirtd for one.

    A cloud in containers of LXC has thirteen systems more: the deployer's table says how many.
    """
    if os.geteuid() != 0:
        return skipped(_AS_ROOT)
    proc = Path("/proc")
    limit = int((proc / "sys/fs/inotify/max_user_instances").read_text(encoding="ascii"))
    used = sum(inotify_instances_of(folder, user=0) for folder in proc.glob("[0-9]*"))
    told = f"{used} of {limit} in use by root"
    wanted = host.needs.inotify if host.needs else _INOTIFY_FREE
    if limit - used < wanted:
        return warning(
            f"{told}, a build takes {wanted}; programs in its containers hang without",
            "sysctl fs.inotify.max_user_instances=1024",
        )
    return ok(told)


def inotify_instances_of(process: Path, user: int) -> int:
    """How many the process of the folder in /proc has; 0 when it is not ``user``'s, or over."""
    try:
        if process.stat().st_uid != user:
            return 0
        links = [str(link.readlink()) for link in (process / "fd").iterdir()]
    except OSError:
        return 0
    return links.count("anon_inode:inotify")


def not_needed(_host: Host) -> Finding:
    """Only told because others' tools need them: nobody should load a module for us."""
    kinds = Path("/proc/filesystems").read_text(encoding="ascii").split()
    have = {
        "device-mapper": "device-mapper" in Path("/proc/misc").read_text(encoding="ascii"),
        "nbd": Path("/dev/nbd0").exists(),
        "vfat": "vfat" in kinds,
    }
    there = ", ".join(name for name, found in have.items() if found)
    return ok(f"not needed; here: {there or 'none'}")


def probe_error(error: HostError) -> Finding:
    """A check that could not even be made."""
    return failed(error.message, error.hint or _CONTAINER)
