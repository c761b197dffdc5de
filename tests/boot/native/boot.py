"""An appliance booted natively from its disk: started, followed, asked, and switched off or cut.

Like the build's gate (``aio_image/bake/gate.py``), but on the image's own file system, as often as
one likes. What a container cannot have is left out as there.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from aio_image.bake import nspawn, outside, release
from aio_image.bake.gate import Rules, leave_out
from aio_image.bake.nspawn import Cable, Container
from aio_image.errors import BuildError
from aio_image.host.process import run
from tests.boot.native.disk import RootDisk, cut_power

INTERFACE, PEER, PREFIX = "eth0", "192.0.2.1", 24
ADDRESS = "192.0.2.10"
ADMIN = "keystone_auth_admin_password"
_SEED = "var/lib/cloud/seed/nocloud"
_POLL = 0.0005
_LOOK = 0.2
# Only what fails takes so long, even where a machine of higher priority has the processors.
LIMIT = 1800.0
# How long the container's processes may take to be gone.
_GONE_SECONDS = 20.0
# Until systemd answers. A container whose disk went before that never does.
_START_SECONDS = 30.0


@dataclass(frozen=True)
class Who:
    """What the seed says. No ``address``: by DHCP, which nobody here answers.

    Without ``routed`` there is no route to anywhere but the cable's other end. ``config`` is
    /etc/aio/config.yaml; None leaves it as it is.
    """

    address: str = ADDRESS
    instance_id: str = "aio-native"
    routed: bool = True
    config: dict[str, Any] | None = None


def prepare(root: Path, who: Who) -> None:
    """Make an image's root one that a container can boot: no fstab, a seed, no foreign units."""
    (root / "etc/fstab").write_text("", encoding="utf-8")
    leave_out(root, Rules.of(release.read(root / release.PATH)["deployer"]))
    seed(root, who)


def seed(root: Path, who: Who) -> None:
    """The NoCloud seed that a seed's ISO is to an appliance in a machine."""
    interface: dict[str, Any] = {"dhcp4": True}
    if who.address:
        interface = {
            "dhcp4": False,
            "addresses": [f"{who.address}/{PREFIX}"],
            "routes": [{"to": "0.0.0.0/0", "via": PEER}] if who.routed else [],
        }
    user: dict[str, Any] = {}
    if who.config is not None:
        user["write_files"] = [
            {
                "path": "/etc/aio/config.yaml",
                "permissions": "0600",
                "content": yaml.safe_dump(who.config),
            }
        ]
    folder = root / _SEED
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "meta-data": json.dumps({"instance-id": who.instance_id, "local-hostname": "aio"}),
        "network-config": json.dumps({"version": 2, "ethernets": {INTERFACE: interface}}),
        "user-data": f"#cloud-config\n{json.dumps(user)}",
    }
    for name, content in files.items():
        (folder / name).write_text(f"{content}\n", encoding="utf-8")


@dataclass
class Boot:
    """One boot. ``began`` is time.monotonic() at power-on; ``container`` comes a moment later."""

    root: Path
    began: float
    container: Container | None = None
    troubles: list[str] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def status(self) -> dict[str, Any]:
        """What the appliance says of itself; {} before it says anything."""
        if self.container is not None:
            path = Path(f"/proc/{self.container.leader}/root/run/aio/status.json")
            with suppress(OSError, ValueError):
                said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
                return said
        return {}

    def inside(self, *argv: str, feed: str | None = None, check: bool = True) -> str:
        """The output of a command run as root on the appliance."""
        assert self.container is not None
        return self.container.run(argv, feed=feed, check=check, timeout=300).output

    def outside(self, *argv: str) -> str:
        """The output of a command run at the other end of the appliance's cable."""
        assert self.container is not None
        return run([*self.container.outside(), *argv], timeout=120).output

    def until_healthy(self, limit: float = LIMIT) -> float:
        """Seconds from power-on until healthy. What failed meanwhile is in ``troubles``.

        A unit may fail and be started again: only ``limit`` is final.
        """
        assert self.container is not None
        while True:
            said = self.status()
            if said.get("state") == "healthy":
                return self.seconds
            if said.get("state") == "failed" and said["detail"] not in self.troubles:
                self.troubles.append(said["detail"])
            if not self.container.alive():
                raise AssertionError(f"switched itself off after {self.seconds:.0f} s")
            if self.seconds > limit:
                last = [
                    line
                    for unit in self.container.failed_units()
                    for line in (f"{unit}:", *self.container.journal(unit))
                ]
                said = {key: said.get(key) for key in ("stage", "detail", "waiting", "failures")}
                raise AssertionError(f"not healthy after {limit:.0f} s: {said}\n" + "\n".join(last))
            time.sleep(_LOOK)

    def secrets(self) -> dict[str, str]:
        path = self.root / "etc/openstack_deploy/user_secrets.yml"
        found: dict[str, str] = yaml.safe_load(path.read_text(encoding="utf-8"))
        return found

    def token(self, address: str = ADDRESS) -> dict[str, Any]:
        """What Keystone answers to admin from outside, verified by the appliance's CA."""
        assert self.container is not None
        request = {
            "url": f"https://{address}:5000/v3",
            "password": self.secrets()[ADMIN],
            "authority": str(self.root / "etc/aio/pki/ca.pem"),
        }
        told = run(
            [*self.container.outside(), sys.executable, "-m", outside.__name__, "token"],
            env={"PYTHONPATH": str(Path(outside.__file__).parents[2])},
            feed=json.dumps(request),
            timeout=120,
        )
        answer: dict[str, Any] = json.loads(told.output)
        return answer


@contextmanager
def powered(
    disk: RootDisk,
    folder: Path,
    who: Who | None = None,
    *,
    orderly: bool = False,
    around: Callable[[Path], AbstractContextManager[None]] = lambda _: nullcontext(),
) -> Iterator[Boot]:
    """Boot ``disk``; at the end it is killed with all it wrote kept or, ``orderly``, shut down.

    ``folder`` gets the mount and the console's log. ``who`` is told by a new seed, on a fresh
    disk in any case. ``around`` the boot something may be in the tree. Be in a private mount
    namespace.
    """
    with disk.mounted(folder / "root") as root:
        _first(root, who)
        boot = Boot(root, time.monotonic())
        with around(root), _started(root, folder, boot, orderly=orderly) as container:
            boot.container = container
            yield boot
            container.run(["sync", "-f", "/"], timeout=300)
        _all_gone(root)


def cut(
    disk: RootDisk,
    folder: Path,
    due: Callable[[Boot], bool],
    who: Who | None = None,
    during: Callable[[Boot], None] | None = None,
) -> tuple[float, dict[str, Any]]:
    """Boot ``disk`` and cut its power as soon as ``due`` says so.

    ``due`` is asked many times a second from power-on; ``during`` works on the appliance meanwhile.
    Returns the moment (seconds after power-on) and what the appliance said of itself last.
    """
    with disk.mounted(folder / "root") as root:
        _first(root, who)
        boot = Boot(root, time.monotonic())
        moment: list[tuple[float, dict[str, Any]]] = []
        failed: list[BaseException] = []

        def watch() -> None:
            try:
                while not due(boot):
                    assert boot.seconds < LIMIT, f"the moment did not come: {boot.status()}"
                    time.sleep(_POLL)
                at, said = boot.seconds, boot.status()
                cut_power(root)
                moment.append((at, said))
            except BaseException as error:
                failed.append(error)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            with _started(root, folder, boot) as container:
                boot.container = container
                if during is not None:
                    during(boot)
                watcher.join()
        except BuildError:
            # A container without a disk may well not come up.
            watcher.join()
            if not moment:
                raise
        if failed:
            raise failed[0]
        _all_gone(root)
    return moment[0]


def _first(root: Path, who: Who | None) -> None:
    if not (root / _SEED).exists():
        prepare(root, who or Who())
    elif who is not None:
        seed(root, who)
    # A seed is on a disk of its own, and no cut takes it away.
    run(["sync", "-f", root])


@contextmanager
def _started(root: Path, folder: Path, boot: Boot, *, orderly: bool = False) -> Iterator[Container]:
    boot.began = time.monotonic()
    with nspawn.booted(
        root,
        console=folder / "console.log",
        target="",
        cable=Cable(INTERFACE, f"{PEER}/{PREFIX}"),
        wait=False,
        orderly=orderly,
        stop_first=(),
        start_seconds=_START_SECONDS,
        stop_seconds=LIMIT,
    ) as container:
        yield container


def _all_gone(root: Path) -> None:
    """Wait until no process of the container holds ``root``."""
    until = time.monotonic() + _GONE_SECONDS
    device = root.stat().st_dev
    while time.monotonic() < until and _used(device):
        time.sleep(0.1)


def _used(device: int) -> bool:
    for process in Path("/proc").glob("[0-9]*/root"):
        with suppress(OSError):
            if process.stat().st_dev == device:
                return True
    return False
