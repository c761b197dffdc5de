"""The first boot of an image against a plain boot of the disk that came of it."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from aio_image.boot import hypervisor
from aio_image.boot.appliance import Appliance, Machine, booted
from aio_image.cli.images import offer_of
from aio_image.errors import ApplianceError
from aio_image.host.cancel import Cancel
from aio_image.host.process import run
from aio_image.paths import Home
from aio_image.report.events import Events
from benchmarks.rows import Row

_GB = 1_000_000_000.0
_SSH = 22
# The services of a cloud that just became healthy still settle: memory is read after this.
_IDLE_SECONDS = 120.0
_POWER_OFF_SECONDS = 600.0


@dataclass(frozen=True)
class Measured:
    """One boot: seconds from power-on to healthy and to the last API; idle memory in bytes."""

    accelerator: str
    healthy: float
    apis: float = 0.0
    memory: int = 0


Measure = Callable[[Machine, Path, Path], Measured]


def first_and_plain(image: Path, folder: Path) -> list[Row]:
    """Boot ``image`` on a disk of its own, power it off in good order, and boot that disk again.

    Both are measured from power-on until the appliance says that it is healthy. ``folder`` is
    scratch. Raises ApplianceError when either is not, HostError when it cannot be booted here.
    """
    offer = offer_of(image)
    with tempfile.TemporaryDirectory(prefix="boot-", dir=folder) as scratch:
        room = Path(scratch)
        key = room / "key"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
        machine = Machine(
            image,
            guest_ports=(_SSH,),
            memory=offer.test.memory,
            cpus=offer.test.cpus,
            healthy=offer.healthy,
            check=offer.check,
            units=offer.units,
            disk=room / "disk.qcow2",
            ssh_keys=(key.with_suffix(".pub").read_text().strip(),),
        )
        first = _in_a_process(_first, machine, room, key)
        plain = _in_a_process(_plain, machine, room, key)
    return [
        Row(
            f"first boot to healthy ({first.accelerator})",
            first.healthy,
            "s",
            target_ratio=1.15,
            floor=plain.healthy,
            floor_name="the same disk's second boot",
        ),
        Row("every API up, first boot", first.apis, "s", target=200),
        Row("guest memory in use, idle", first.memory / _GB, "GB", target=3.2),
    ]


def _in_a_process(measure: Measure, machine: Machine, room: Path, key: Path) -> Measured:
    """``measure(machine, room, key)`` in a process of its own: libvirt's embedded driver serves one
    boot a process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(measure, machine, room, key).result()


def _first(machine: Machine, room: Path, key: Path) -> Measured:
    with booted(machine, Home.default(), room, room / "first.log") as appliance:
        healthy = _healthy(appliance)
        # The appliance counts from its kernel's start: what came before is added.
        status = json.loads(_ask(appliance, key, "aio status --json"))
        started = appliance.watch.kernel_start
        apis = max(up["uptime"] for up in status["timeline"] if up["kind"] == "api") + started
        time.sleep(_IDLE_SECONDS)
        # "free" counts as used what programs hold, and no cache that could be given up.
        memory = int(_ask(appliance, key, "free --bytes").splitlines()[1].split()[2])
        _power_off(appliance)
        return Measured(appliance.accelerator.name, healthy, apis, memory)


def _plain(machine: Machine, room: Path, key: Path) -> Measured:  # noqa: ARG001 - as _first
    with booted(machine, Home.default(), room, room / "plain.log") as appliance:
        healthy = _healthy(appliance)
        _power_off(appliance)
        return Measured(appliance.accelerator.name, healthy)


def _healthy(appliance: Appliance) -> float:
    """Seconds from power-on until healthy."""
    appliance.until_healthy(Events(), Cancel(), "Boot")
    return appliance.watch.seconds


def _ask(appliance: Appliance, key: Path, command: str) -> str:
    """The output of ``command`` on the appliance, as root."""
    return run(
        ["ssh", "-i", key, "-p", str(appliance.ports.get(_SSH, _SSH)), "-o", "BatchMode=yes",
         "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
         "-o", "LogLevel=ERROR", f"debian@{appliance.address}", f"sudo {command}"],
        timeout=300,
    ).output  # fmt: skip


def _power_off(appliance: Appliance) -> None:
    """Press the power button, and wait for what it does."""
    appliance.domain.shutdown()
    deadline = time.monotonic() + _POWER_OFF_SECONDS
    while hypervisor.running(appliance.domain):
        if time.monotonic() > deadline:
            raise ApplianceError(
                f"the appliance did not power off in {_POWER_OFF_SECONDS:.0f} s",
                log=appliance.console,
            )
        time.sleep(1)
