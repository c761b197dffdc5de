"""The first boot of an image against a plain boot of the disk that came of it."""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, TypeVar

from aio_image.boot import hypervisor
from aio_image.boot.appliance import Appliance, Machine, booted
from aio_image.boot.session import Session, session
from aio_image.cli.images import offer_of
from aio_image.errors import ApplianceError
from aio_image.host.cancel import Cancel
from aio_image.host.process import run
from aio_image.paths import Home
from aio_image.report.events import Events
from aio_image.report.reporter import reporter_for
from benchmarks.rows import Row

T = TypeVar("T")
_GB = 1_000_000_000.0
_SSH = 22
_HORIZON = "horizon"
# The services of a cloud that just became healthy still settle: memory is read after this.
_IDLE_SECONDS = 120.0
_POWER_OFF_SECONDS = 600.0


@dataclass(frozen=True)
class Measured:
    """One boot: seconds from power-on to healthy, to the last API and to the last port.

    ``apis`` are those of the catalogue, and Horizon; ``ports`` counts the page of the graphical
    consoles, too. ``memory`` is what is in use when idle, in bytes.
    """

    accelerator: str
    healthy: float
    apis: float = 0.0
    ports: float = 0.0
    memory: int = 0


def first_and_plain(image: Path) -> list[Row]:
    """Boot ``image`` on a disk of its own, power it off in good order, and boot that disk again.

    Both are measured from power-on until the appliance says that it is healthy. Raises
    ApplianceError when either is not, HostError when it cannot be booted here.
    """
    offer = offer_of(image)
    # Before the run is claimed, or its end would take this helper of Python's for a leftover.
    resource_tracker.ensure_running()
    with (
        reporter_for(sys.stderr, "quiet") as reporter,
        session(Home.default(), image, Events(reporter)) as room,
    ):
        key = room.folder / "key"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
        machine = Machine(
            image,
            guest_ports=(_SSH,),
            memory=offer.test.memory,
            cpus=offer.test.cpus,
            healthy=offer.healthy,
            check=offer.check,
            units=offer.units,
            disk=room.folder / "disk.qcow2",
            ssh_keys=(key.with_suffix(".pub").read_text().strip(),),
        )
        first = in_a_process(_first, machine, room.folder, _log(room, "first"), key)
        plain = in_a_process(_plain, machine, room.folder, _log(room, "plain"))
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
        Row("every public port up, first boot", first.ports, "s"),
        Row("guest memory in use, idle", first.memory / _GB, "GB", target=3.2),
    ]


def in_a_process(function: Callable[..., T], *words: Any) -> T:
    """``function(*words)`` in a process of its own, which ends when we are stopped meanwhile.

    libvirt's embedded driver serves one boot a process.
    """
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, words)


def api_times(timeline: Iterable[Mapping[str, Any]]) -> tuple[float, float]:
    """When the last API was up, and the last public port, by an appliance's status, in its uptime.

    A page is not in the catalogue; Horizon counts with the APIs all the same.
    """
    up = {row["name"]: row for row in timeline if row["kind"] in ("api", "page")}
    apis = [row["uptime"] for row in up.values() if row["kind"] == "api" or row["name"] == _HORIZON]
    return max(apis), max(row["uptime"] for row in up.values())


def _log(room: Session, name: str) -> Path:
    return room.console.with_name(f"{name}.console.log")


def _first(machine: Machine, folder: Path, console: Path, key: Path) -> Measured:
    with booted(machine, Home.default(), folder, console) as appliance:
        healthy = _healthy(appliance)
        # The appliance counts from its kernel's start: what came before is added.
        status = json.loads(_ask(appliance, key, "aio status --json"))
        started = appliance.watch.kernel_start
        apis, ports = (up + started for up in api_times(status["timeline"]))
        time.sleep(_IDLE_SECONDS)
        # "free" counts as used what programs hold, and no cache that could be given up.
        memory = int(_ask(appliance, key, "free --bytes").splitlines()[1].split()[2])
        _power_off(appliance)
        return Measured(appliance.accelerator.name, healthy, apis, ports, memory)


def _plain(machine: Machine, folder: Path, console: Path) -> Measured:
    with booted(machine, Home.default(), folder, console) as appliance:
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
