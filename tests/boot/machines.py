"""An image in a machine that is kept between boots: cut, reset, rebooted, and asked over ssh.

One process a boot: libvirt's embedded driver serves one at a time in each.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from aio_image.boot import hypervisor
from aio_image.boot.appliance import Appliance, Machine, booted, identity_file
from aio_image.boot.identity import Identity
from aio_image.boot.ports import choose_forwards
from aio_image.boot.watch import Watch
from aio_image.cli.images import offer_of
from aio_image.errors import ApplianceError
from aio_image.health.check import run_checks
from aio_image.health.client import Cloud
from aio_image.health.cloud import checks_for
from aio_image.health.target import Target
from aio_image.host.cancel import Cancel
from aio_image.host.process import run
from aio_image.paths import Home
from aio_image.report.events import Events

_SSH = 22
_ANSWER_SECONDS = 600.0
_QEMU = b"qemu-system"
Result = TypeVar("Result")


@dataclass(frozen=True)
class Moment:
    """When to cut: once ``share`` (0 to 1) of personalise's stages is over, ``seconds`` after
    power-on, or both whichever comes first; ``healthy`` seconds after it was healthy."""

    share: float | None = None
    seconds: float | None = None
    healthy: float | None = None

    def __str__(self) -> str:
        parts = {"share": self.share, "after s": self.seconds, "s after healthy": self.healthy}
        return ", ".join(f"{name} {round(v, 1)}" for name, v in parts.items() if v is not None)

    def has_come(self, watch: Watch) -> bool:
        if self.seconds is not None and watch.seconds >= self.seconds:
            return True
        now = watch.progress
        if self.share is None or now is None:
            return False
        return now.stage != "personalise" or now.done >= self.share * now.total


class _NowError(Exception):
    """The moment has come."""


class _Until(Cancel):
    """Looked at by whoever waits: raises as soon as the moment has come."""

    def __init__(self, has_come: Callable[[], bool]) -> None:
        super().__init__()
        self._has_come = has_come

    def check(self) -> None:
        super().check()
        if self._has_come():
            raise _NowError


class Rig:
    """One disk of one image in ``folder``, an ssh key to it, and its boots, numbered."""

    def __init__(self, image: Path, folder: Path, *, restarts: bool = False, **more: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.key, self.boots = folder, folder / "key", 0
        self.offer = offer_of(image)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key])
        self.machine = Machine(
            image,
            guest_ports=self.offer.ports,
            memory=self.offer.test.memory,
            cpus=self.offer.test.cpus,
            healthy=self.offer.healthy,
            check=self.offer.check,
            units=self.offer.units,
            disk=folder / "disk.qcow2",
            ssh_keys=(self.key.with_suffix(".pub").read_text(encoding="utf-8").strip(),),
            restarts=restarts,
            **more,
        )

    def change(self, **fields: Any) -> None:
        """Boot from now on with other settings of the machine."""
        self.machine = replace(self.machine, **fields)

    def move(self) -> tuple[str, str]:
        """Give its next boot another address and instance id. The old address and the new."""
        assert self.machine.disk is not None
        path = identity_file(self.machine.disk)
        old = Identity.load(path)
        new = choose_forwards(self.machine.guest_ports).address
        replace(old, address=new, instance_id=f"{old.instance_id}-moved").save(path)
        return str(old.address), new

    def boot(self, work: Callable[[Rig, Appliance], Result]) -> Result:
        """``work(rig, appliance)``, a module's function, in a process and a boot of its own."""
        self.boots += 1
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(_boot, self, work).result()

    @property
    def console(self) -> Path:
        return self.folder / f"console-{self.boots}.log"

    def target(self, appliance: Appliance) -> Target:
        return Target(
            address=appliance.address,
            password=appliance.identity.password,
            folder=self.folder,
            expected=self.offer.expected,
            ports=appliance.ports,
            dashboard=self.offer.dashboard,
            request=appliance.limits.request,
            resource=appliance.limits.resource,
        )

    def ssh(self, appliance: Appliance, command: str, feed: str | None = None) -> str:
        """The output of ``command`` on the appliance, as root."""
        return run(
            ["ssh", "-i", self.key, "-p", str(appliance.ports.get(_SSH, _SSH)),
             "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
             "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
             f"debian@{appliance.address}", f"sudo {command}"],
            feed=feed, timeout=_ANSWER_SECONDS,
        ).output  # fmt: skip


def _boot(rig: Rig, work: Callable[[Rig, Appliance], Result]) -> Result:
    with booted(rig.machine, Home.default(), rig.folder, rig.console) as appliance:
        return work(rig, appliance)


def power_cut(appliance: Appliance, moment: Moment) -> tuple[float, str]:
    """Kill QEMU when ``moment`` has come: what the guest has not flushed is lost, as is what the
    disk's format keeps in QEMU's memory. The moment, in seconds, and how far it was."""
    watch = appliance.watch
    try:
        watch.until_healthy(Events(), _Until(lambda: moment.has_come(watch)))
        time.sleep(moment.healthy or 0.0)
    except _NowError:
        pass
    os.kill(qemu_of(appliance.identity.name), signal.SIGKILL)
    seconds = watch.seconds
    now = watch.progress
    return seconds, f"{now.stage} {now.done}/{now.total}: {now.detail}" if now else "before it"


def qemu_of(name: str) -> int:
    """The process of the guest ``name``."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        named = b"guest=%b," % name.encode()
        if _QEMU in words[0] and any(word.startswith(named) for word in words):
            return int(path.parent.name)
    raise AssertionError(f"no QEMU runs {name}")


def until_healthy(appliance: Appliance) -> float:
    """Seconds from power-on (or, after ``begin_again``, from then on) until healthy."""
    appliance.watch.until_healthy(Events(), Cancel())
    return appliance.watch.seconds


def until_it_says(appliance: Appliance, words: str) -> str:
    """What the appliance says on its console, as soon as ``words`` are in it."""
    watch = appliance.watch

    def said() -> str:
        return watch.progress.detail if watch.progress else ""

    try:
        watch.until_healthy(Events(), _Until(lambda: words in said()))
    except _NowError:
        return said()
    except ApplianceError as error:
        # What failed, by the appliance's own words, is what is waited for.
        assert words in error.message, error.message
        return error.message
    raise AssertionError(f"healthy, and nothing said of {words!r}")


def begin_again(rig: Rig, appliance: Appliance, number: int) -> Appliance:
    """The same guest with a watch that begins now: before a reboot of it.

    What its console said until now is kept beside it.
    """
    said = rig.console.read_bytes()
    rig.folder.joinpath(f"console-{rig.boots}.{number}.log").write_bytes(said)
    # QEMU appends to it, from wherever its end is.
    os.truncate(rig.console, 0)
    domain = appliance.domain
    watch = Watch(
        rig.console,
        lambda: hypervisor.halted(domain),
        appliance.limits,
        time.monotonic(),
        rig.machine.units,
    )
    return replace(appliance, watch=watch)


def check_cloud(rig: Rig, appliance: Appliance) -> dict[str, str]:
    """The checks of `aio-image test`: name → outcome, with the reason where it is not ok."""
    cloud = Cloud(rig.target(appliance), Cancel())
    found = run_checks(checks_for(cloud.target), cloud, Events())
    return {
        one.check: one.outcome if one.outcome == "ok" else f"{one.outcome}: {one.detail}"
        for one in found
    }


def repaired(console: Path) -> list[str]:
    """What the guest said of its file system's check and journal."""
    lines = console.read_text(encoding="utf-8", errors="replace").splitlines()
    words = ("fsck", "recovering journal", "orphan", "clean,", "EXT4-fs error", "INCONSISTENCY")
    return [line.strip()[-160:] for line in lines if any(word in line for word in words)]
