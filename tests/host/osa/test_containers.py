"""LXC containers in the container that a build runs OpenStack-Ansible in: by Debian's own lxc."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from aio_image.bake.nspawn import Container
from aio_image.bake.osa import sufficient
from aio_image.bake.osa.containers import place
from aio_image.bake.osa.room import entered
from aio_image.errors import BuildError
from aio_image.execution.context import StepContext
from aio_image.paths import Home
from aio_image.plan.model import Step
from aio_image.report.events import Events
from aio_image.sources.git.pins import Lock, Pin
from aio_image.stores.apt import make_repository, read_debs
from tests.host.bake.conftest import RELEASE, debian, fresh_room
from tests.host.osa.conftest import SOURCES
from tests.private import in_private
from tests.waiting import wait_for

pytestmark = pytest.mark.host

PACKAGES = (
    "systemd-sysv", "systemd-resolved", "dbus", "iproute2", "ca-certificates", "debootstrap",
    "iptables", "lxc", "nftables",
)  # fmt: skip
_LENT = "/run/aio-build"
_OWN = "/etc/apt/sources.list.d/debian.sources"
_CONFIG = """\
lxc.include = /usr/share/lxc/config/common.conf
lxc.apparmor.profile = generated
lxc.apparmor.allow_nesting = 1
lxc.mount.auto = proc:mixed sys:ro cgroup:mixed
lxc.rootfs.path = dir:/var/lib/lxc/one/rootfs
lxc.uts.name = one
lxc.start.auto = 1
lxc.group = onboot
lxc.net.0.type = veth
lxc.net.0.name = eth0
lxc.net.0.link = br-one
lxc.net.0.flags = up
lxc.net.0.ipv4.address = 10.255.255.9/24
lxc.net.0.ipv4.gateway = 10.255.255.1
"""
# What the role lxc_hosts does with networkd and a unit of its own.
_BRIDGE = """\
ip link add br-one type bridge
ip address add 10.255.255.1/24 dev br-one
ip link set br-one up
echo 1 > /proc/sys/net/ipv4/ip_forward
iptables -t nat -A POSTROUTING -s 10.255.255.0/24 ! -d 10.255.255.0/24 -j MASQUERADE
"""
# The host's own root below, so that there is no second one to make.
_ROOT = """\
mkdir -p /var/lib/lxc/one/rootfs /run/one/upper /run/one/work
mount -t overlay overlay -o lowerdir=/,upperdir=/run/one/upper,workdir=/run/one/work \
  /var/lib/lxc/one/rootfs
rm -f /var/lib/lxc/one/rootfs/etc/resolv.conf
cp /run/systemd/resolve/resolv.conf /var/lib/lxc/one/rootfs/etc/resolv.conf
"""


def _layers() -> tuple[Path, Path]:
    """A Debian with lxc, and what a build puts into it for containers."""
    root = debian("lxc", PACKAGES)
    sources = root / "tree/etc/apt/sources.list.d"
    for path in sources.iterdir():
        path.unlink()
    (sources / "debian.sources").write_text(SOURCES)
    placed = fresh_room("lxc-placed")
    commit = "0" * 40
    pin = Pin("requirements", "requirements", "https://git.example.com/req", commit, commit)
    lock = Lock("openstack-ansible", "2026.1", "33.0.1", "aio_lxc", (pin,))
    place(placed / "tree", lock)
    return root, placed


def _context(layers: tuple[Path, ...], work: Path) -> StepContext:
    names = tuple(path.name for path in layers)
    settings = {
        "system.distribution": "debian", "system.release": RELEASE,
        "system.architecture": "amd64", "mirrors.debian": None,
    }  # fmt: skip
    step = Step("containers", "Containers", names, settings, (), "0" * 64, "", names)
    inputs = dict(zip(names, layers, strict=True))
    for name in ("output", "work"):
        (work / name).mkdir()
    return StepContext(
        step, Home(work), inputs, work / "output", work / "work", work / "log", Events()
    )


@pytest.mark.usefixtures("address")
def test_a_container_in_the_container_starts_and_has_what_the_host_lends() -> None:
    layers = _layers()
    work = fresh_room("lxc")

    def body() -> None:
        with entered(_context(layers, work)) as room:
            host = room.container
            if host.run(["lxc-checkconfig"], check=False).status:
                pytest.skip("this kernel lacks what LXC takes")
            _makes_a_root(host)
            host.run(["sh", "-ec", _BRIDGE + _ROOT])
            host.run(["tee", "/var/lib/lxc/one/config"], feed=_CONFIG)
            # As at the boot of a later step: not before there is what the build lends.
            assert _condition(host, away=True) == "no"
            assert _condition(host, away=False) == "yes"
            _runs(host)
            host.run(["systemctl", "stop", "lxc.service"], timeout=120)
            host.run(["umount", "/var/lib/lxc/one/rootfs"])

    try:
        in_private(body)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(layers[1], ignore_errors=True)


def _condition(host: Container, *, away: bool) -> str:
    """What came of the condition of lxc.service when it was started; ``away``: nothing is lent."""
    pip = f"{_LENT}/pip.conf"
    host.run(["systemctl", "stop", "lxc.service"], timeout=120)
    host.run(["mv", pip, f"{pip}.away"] if away else ["mv", f"{pip}.away", pip])
    host.run(["systemctl", "start", "lxc.service"], timeout=120)
    shown = host.run(["systemctl", "show", "--property=ConditionResult", "--value", "lxc.service"])
    return shown.output.strip()


def _makes_a_root(host: Container) -> None:
    host.run(["aio-container-root", RELEASE, "/var/tmp/root"], timeout=600)
    lent = host.run(["cat", f"{_LENT}/debian.sources"]).output
    assert host.run(["cat", f"/var/tmp/root{_OWN}"]).output == lent
    own = host.run(["cat", "/var/tmp/root/etc/apt/own.sources.list.d/debian.sources"]).output
    assert own == SOURCES
    host.run(["rm", "-r", "/var/tmp/root"])


def _runs(host: Container) -> None:
    inside = ["lxc-attach", "--name", "one", "--clear-env", "--"]

    def up() -> bool:
        state = host.run([*inside, "systemctl", "is-system-running"], check=False).output.strip()
        return state in ("running", "degraded")

    assert wait_for(up)
    lent = host.run(["cat", f"{_LENT}/debian.sources"]).output
    assert host.run([*inside, "cat", _OWN]).output == lent
    assert host.run([*inside, "cat", f"{_LENT}/pip.conf"]).output
    # By the bridge and the host's address to the build host's mirror.
    host.run([*inside, "apt-get", "update", "-o", "APT::Update::Error-Mode=any"], timeout=300)


@pytest.mark.usefixtures("address")
def test_apt_says_whether_a_repository_is_enough_for_a_system(tmp_path: Path) -> None:
    """As with libc6-dev of one version and libc6 of another: what is newer cannot be installed."""
    root, placed = _layers()
    work = fresh_room("lxc-sufficient")
    has = "Package: base\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
    old = [_deb(tmp_path, "base-dev", "1", "base (= 1)")]
    new = [_deb(tmp_path, "base-dev", "2", "base (= 2)"), *old]

    def body() -> None:
        with entered(_context((root,), work)) as room:
            for debs, enough in ((old, True), (new, False)):
                store = make_repository(read_debs(debs), tmp_path / "store").folder
                try:
                    sufficient.check(room, store, has, ["base-dev"], "the host")
                except BuildError as error:
                    assert not enough, error
                    assert error.message.startswith("the host cannot get its packages")
                    assert any("base (= 2)" in line for line in error.details)
                else:
                    assert enough
                assert not (room.root / "var/tmp/aio-sufficient").exists()

    try:
        in_private(body)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(placed, ignore_errors=True)


def _deb(folder: Path, name: str, version: str, depends: str) -> Path:
    """A real package without files."""
    tree = folder / f"{name}-{version}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nDepends: {depends}\n"
        "Maintainer: nobody <nobody@example.com>\nDescription: a test\n"
    )
    path = folder / f"{name}_{version}_all.deb"
    subprocess.run(["dpkg-deb", "--build", tree, path], check=True, capture_output=True)
    return path
