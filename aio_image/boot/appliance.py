"""An image running as an appliance: made, watched, and gone without a trace afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aio_image.boot import accelerator, disks, hypervisor
from aio_image.boot.accelerator import Limits
from aio_image.boot.domain import DomainSpec, domain_xml
from aio_image.boot.identity import Identity
from aio_image.boot.ports import Forwards, choose_forwards, forwards_at
from aio_image.boot.seed import Seed, write_seed
from aio_image.boot.seed.network import dhcp_of
from aio_image.boot.seed.request import ADMIN, config_text
from aio_image.boot.watch import STEP, Watch
from aio_image.errors import ApplianceError, HostError
from aio_image.host.cancel import Cancel
from aio_image.host.kvm import Accelerator
from aio_image.host.libvirt_connection import connected, forget
from aio_image.paths import Home
from aio_image.report.events import Events, StepFailed, StepFinished, StepProgress, StepStarted


@dataclass(frozen=True)
class Machine:
    """What to boot and on what. ``memory`` is in MiB. ``guest_ports`` are to be reachable.
    ``units`` are those without which there is no cloud.

    ``connect`` is a libvirt URI (None: the one that suits this host); ``network`` a libvirt
    network instead of forwarded ports. ``disk`` is a QCOW2 to keep between boots; without it
    the disk is gone afterwards. ``healthy`` and ``check`` are time limits in seconds where KVM
    works (a profile's test.limits); ``time_limit`` is one to healthy for this very boot.
    ``restarts`` lets the guest reboot; where it may not, a reboot ends it. ``data``, ``clock`` and
    ``unplugged`` are as in DomainSpec. ``settings`` are more of config.yaml, by dotted key; None
    takes out what would be there without.
    """

    image: Path
    guest_ports: tuple[int, ...]
    memory: int
    cpus: int
    healthy: float
    check: float
    units: tuple[str, ...] = ()
    firmware: str = "bios"
    accelerator: str = "auto"
    connect: str | None = None
    network: str | None = None
    disk: Path | None = None
    ssh_keys: tuple[str, ...] = ()
    time_limit: float | None = None
    restarts: bool = False
    data: Path | None = None
    clock: int | None = None
    unplugged: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Appliance:
    """A guest that runs. ``forwards`` is None on a libvirt network, which gives it an address."""

    identity: Identity
    accelerator: Accelerator
    limits: Limits
    forwards: Forwards | None
    uri: str
    console: Path
    domain: hypervisor.Domain
    watch: Watch

    @property
    def address(self) -> str:
        """Where its APIs are. Raises ApplianceError when a libvirt network leased it none."""
        if self.forwards is not None:
            return self.forwards.address
        leased = hypervisor.leased_address(self.domain)
        if leased is None:
            raise ApplianceError(
                "the libvirt network leased the appliance no address",
                hint="is DHCP on in that network? (virsh net-dumpxml)",
                log=self.console,
            )
        return leased

    @property
    def ports(self) -> dict[int, int]:
        """Guest ports that are elsewhere on ``address``, with where they are."""
        if self.forwards is None:
            return {}
        return {guest: host for guest, host in self.forwards.ports.items() if guest != host}

    def until_healthy(self, events: Events, cancel: Cancel, title: str) -> None:
        """Wait, as the step ``boot``. Raises ApplianceError when it will not be healthy."""
        log = str(self.console)
        events.emit(StepStarted(STEP, title, log))
        if self.accelerator.name == "tcg":
            why = f"without KVM ({self.accelerator.reason}): this takes minutes"
            events.emit(StepProgress(STEP, why))
        try:
            self.watch.until_healthy(events, cancel)
        except ApplianceError as error:
            seconds = self.watch.seconds
            events.emit(StepFailed(STEP, title, seconds, error.message, error.hint, log))
            raise
        events.emit(StepFinished(STEP, title, self.watch.seconds))


@contextmanager
def booted(
    machine: Machine, home: Home, folder: Path, console: Path, *, keep: bool = False
) -> Iterator[Appliance]:
    """Boot ``machine`` with its files in ``folder`` and its console at ``console``.

    When the block ends, however it ends, the guest, its disk, seed and ports are gone; with
    ``keep`` they stay, for ``kept.stop``. Raises UsageError, HostError.
    """
    chosen = accelerator.choose(home, machine.accelerator)
    kind = disks.image_format(machine.image)
    _check_memory(machine.memory)
    limits = accelerator.limits(chosen.name, machine.healthy, machine.check)
    if machine.time_limit is not None:
        limits = replace(limits, healthy=machine.time_limit)
    files = [machine.image] + ([machine.disk.parent / "any"] if machine.disk else [])
    with ExitStack() as stack:
        connection = stack.enter_context(connected(machine.connect, folder, files))
        # What is made from here on goes at the end, last made first.
        made = stack.enter_context(ExitStack()) if not keep else ExitStack()
        made.callback(forget, connection)
        identity, forwards = _identity(machine)
        spec = DomainSpec(
            name=identity.name,
            accelerator=chosen.name,
            firmware=machine.firmware,
            memory=machine.memory,
            cpus=machine.cpus,
            disk=machine.disk or folder / "disk.qcow2",
            seed=folder / "seed.iso",
            console=console,
            nvram=folder / "nvram.fd",
            mac=identity.mac,
            backing=None if machine.disk else (machine.image.resolve(), kind),
            forwards=forwards,
            network=machine.network,
            restarts=machine.restarts,
            data=machine.data,
            clock=machine.clock,
            unplugged=machine.unplugged,
        )
        _make_files(machine, kind, identity, spec, made)
        domain = hypervisor.start(connection, domain_xml(spec), ends_with_us=not keep)
        powered_on = time.monotonic()
        made.callback(hypervisor.stop, domain)
        watch = Watch(console, lambda: hypervisor.halted(domain), limits, powered_on, machine.units)
        yield Appliance(identity, chosen, limits, forwards, connection.uri, console, domain, watch)


def identity_file(disk: Path) -> Path:
    """Where the identity of a kept ``disk`` is."""
    return disk.with_name(f"{disk.name}.identity.json")


def _identity(machine: Machine) -> tuple[Identity, Forwards | None]:
    """Who the guest is: new, or as its kept disk knows itself."""
    if machine.disk is not None and machine.disk.exists():
        identity = Identity.load(identity_file(machine.disk))
        if machine.network is not None or identity.address is None:
            return identity, None
        return identity, forwards_at(identity.address, machine.guest_ports)
    forwards = None if machine.network else choose_forwards(machine.guest_ports)
    return Identity.new(forwards.address if forwards else None), forwards


def _make_files(
    machine: Machine, kind: str, identity: Identity, spec: DomainSpec, made: ExitStack
) -> None:
    """Disk, seed and console of ``spec``; removing them is put on ``made``."""
    if machine.disk is None:
        made.callback(spec.disk.unlink, missing_ok=True)
        disks.make_overlay(machine.image, kind, spec.disk)
    elif not machine.disk.exists():
        machine.disk.parent.mkdir(parents=True, exist_ok=True)
        identity.save(identity_file(machine.disk))
        disks.make_copy(machine.image, kind, machine.disk)
    made.callback(spec.nvram.unlink, missing_ok=True)
    made.callback(spec.seed.unlink, missing_ok=True)
    settings = {**_settings(identity), **machine.settings}
    write_seed(
        spec.seed,
        Seed(
            hostname=identity.name,
            config=config_text({key: word for key, word in settings.items() if word is not None}),
            network=dhcp_of(identity.mac),
            ssh_keys=machine.ssh_keys,
            instance_id=identity.instance_id,
        ),
    )
    spec.console.parent.mkdir(parents=True, exist_ok=True)
    spec.console.touch(mode=0o600)


def _settings(identity: Identity) -> dict[str, str]:
    """What the seed says of ``identity``, by key of config.yaml."""
    address = {"public_address": identity.address} if identity.address else {}
    return {**address, f"secrets.{ADMIN}": identity.password}


def _check_memory(wanted: int) -> None:
    """Raise HostError when this host has less than ``wanted`` MiB to give."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    told = dict(line.split(":", 1) for line in lines)
    free = int(told["MemAvailable"].split()[0]) // 1024
    if free < wanted:
        raise HostError(
            f"the guest needs {wanted} MiB of memory, this host has {free} MiB free",
            hint="end something, or give the guest less with --memory (4096 at least)",
        )
