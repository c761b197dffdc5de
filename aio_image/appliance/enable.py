"""Enabling and disabling an optional service of a running cloud, from what is on the disk.

Enabling begins with what no client sees and ends with what all do: units, the public port, the
answer over TLS, the catalogue, services.json. Disabling goes the other way. Each step may be
repeated, so who was interrupted begins again; one that fails is taken back.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from . import answering, catalogue, optional, services, units, user_secrets
from .files import make_folder, sync_folder, write_atomic
from .layout import Layout
from .optional import Change, OptionalService
from .problems import ApplianceProblem

PRESETS = "/etc/systemd/system-preset"
HAPROXY = "/etc/haproxy/enabled"
_SPARE = 128  # MiB that are to be left

Told = Callable[[str], None]


class Switch:
    """Turns one service on or off. ``told`` hears what is being done."""

    def __init__(self, layout: Layout, service: OptionalService, told: Told) -> None:
        self.layout = layout
        self.service = service
        self.told = told

    def on(self) -> None:
        """Have it run and be found. Raises ApplianceProblem, and then it is off again."""
        optional.begin(self.layout, Change(self.service.name, runs=True))
        try:
            self._on()
        except (ApplianceProblem, OSError, subprocess.SubprocessError) as error:
            self.told("it does not work: taking it back")
            for step in self._steps_off():
                with contextlib.suppress(ApplianceProblem, OSError, subprocess.SubprocessError):
                    step()
            optional.end(self.layout)
            raise as_problem(error) from error
        optional.end(self.layout)

    def off(self) -> None:
        """Have it neither run nor be found. What it keeps stays on the disk."""
        optional.begin(self.layout, Change(self.service.name, runs=False))
        try:
            for step in self._steps_off():
                step()
        except (OSError, subprocess.SubprocessError) as error:
            raise as_problem(error) from error
        optional.end(self.layout)

    def _on(self) -> None:
        self.told("starting " + ", ".join(self.service.units))
        self._preset(runs=True)
        self._start()
        self.told("opening its public port")
        self._publish(runs=True)
        self.told("waiting for its answer")
        answering.wait(self.layout, self.service.row)
        self.told("telling keystone")
        self._show(enabled=True)
        optional.record(self.layout, self.service.name, runs=True)

    def _steps_off(self) -> list[Callable[[], None]]:
        return [
            lambda: optional.record(self.layout, self.service.name, runs=False),
            lambda: self._show(enabled=False),
            lambda: self._publish(runs=False),
            lambda: self._preset(runs=False),
            self._stop,
        ]

    def _stop(self) -> None:
        self.told("stopping " + ", ".join(self.service.units))
        _systemctl("stop", *reversed(self.service.units))

    def _preset(self, *, runs: bool) -> None:
        """Whether the units start in later boots.

        By a preset before the image's own: `systemctl enable` takes seconds, for update-rc.d.
        """
        word = "enable" if runs else "disable"
        path = self.layout.at(f"{PRESETS}/05-aio-{self.service.name}.preset")
        write_atomic(path, "".join(f"{word} {unit}\n" for unit in self.service.units))
        _systemctl("preset", "--quiet", *self.service.units)

    def _start(self) -> None:
        # What failed before may have used up its tries.
        _systemctl("reset-failed", *self.service.units, may_fail=True)
        _systemctl("start", *self.service.units, may_fail=True)
        seen = units.show(self.service.units)
        for name in self.service.units:
            unit = seen.get(name)
            if unit is None or not unit.active:
                state = unit.state if unit else "unknown"
                raise ApplianceProblem(
                    f"{name} is {state}: {units.last_words(name)}", hint=f"journalctl -u {name}"
                )

    def _publish(self, *, runs: bool) -> None:
        """haproxy reads what it has of a service where there is a link to it."""
        link = self.layout.at(f"{HAPROXY}/{self.service.name}.cfg")
        if runs == link.is_symlink():
            return
        if runs:
            make_folder(link.parent)
            link.symlink_to(f"../optional/{self.service.name}.cfg")
        else:
            link.unlink()
        sync_folder(link.parent)
        _systemctl("reload", "haproxy.service")

    def _show(self, *, enabled: bool) -> None:
        api = self.service.row["api"]
        if api is None:
            return
        # Its own account: the administrator's password may have been changed since.
        account = self.service.name
        password = user_secrets.read(self.layout.secrets).get(f"{account}_service_password", "")
        known = catalogue.Catalogue(services.load(self.layout.services))
        known.show(account, password, api["type"], enabled=enabled)


def enable(layout: Layout, name: str, told: Told, *, force: bool = False) -> bool:
    """Have the optional service ``name`` run; False when it does already.

    Raises ApplianceProblem: there is no such service, the cloud is not healthy, there is not enough
    memory (unless ``force``), or it does not come up.
    """
    with _alone(layout):
        service = optional.find(layout, name)
        begun = _begun(layout, name)
        if service.runs and not begun:
            return False
        _need_health(layout)
        if not (service.runs or force):
            _need_memory(layout, service)
        Switch(layout, service, told).on()
    return True


def disable(layout: Layout, name: str, told: Told) -> bool:
    """Have the optional service ``name`` run no more; False when it does not anyway.

    Also where the cloud is not healthy: this service may be why.
    """
    with _alone(layout):
        service = optional.find(layout, name)
        begun = _begun(layout, name)
        if not (service.runs or begun):
            return False
        Switch(layout, service, told).off()
        if _state(layout) != "healthy":
            _systemctl("restart", "--no-block", "aio-ready.service")  # it waits for less now
    return True


def resume(layout: Layout, told: Told) -> bool:
    """Finish what a power cut interrupted, once the cloud is healthy; False: there is nothing."""
    begun = optional.changing(layout)
    if begun is None:
        return False
    while _state(layout) != "healthy":
        time.sleep(2)
    with _alone(layout):
        if optional.changing(layout) != begun:
            return False  # someone was faster
        switch = Switch(layout, optional.find(layout, begun.name), told)
        (switch.on if begun.runs else switch.off)()
    return True


def _begun(layout: Layout, name: str) -> bool:
    """Whether a change of ``name`` was interrupted. ApplianceProblem when another one's was."""
    begun = optional.changing(layout)
    if begun is not None and begun.name != name:
        verb = "enable" if begun.runs else "disable"
        raise ApplianceProblem(
            f"{begun.name} is changed by half", hint=f"first: aio {verb} {begun.name}"
        )
    return begun is not None


def as_problem(error: Exception) -> ApplianceProblem:
    """What went wrong, with what to do about it."""
    if isinstance(error, ApplianceProblem):
        return error
    if isinstance(error, OSError) and error.filename is not None:
        return ApplianceProblem(
            f"{error.filename}: {os.strerror(error.errno or 0)}", hint="mend it, then try again"
        )
    return ApplianceProblem(f"{type(error).__name__}: {error}", hint="journalctl --boot")


@contextlib.contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    make_folder(layout.run)
    handle = os.open(layout.run / "enable.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ApplianceProblem(
            "another aio enable is at work", hint="wait until it is over"
        ) from error
    else:
        yield
    finally:
        os.close(handle)


def _state(layout: Layout) -> str:
    try:
        return str(json.loads(layout.status.read_text("utf-8"))["state"])
    except (FileNotFoundError, KeyError, ValueError):
        return "working"


def _need_health(layout: Layout) -> None:
    if (state := _state(layout)) != "healthy":
        raise ApplianceProblem(f"the cloud is not healthy ({state})", hint="aio status --follow")


def _need_memory(layout: Layout, service: OptionalService) -> None:
    free = available_memory(layout.at("/proc/meminfo"))
    if free < service.memory + _SPARE:
        raise ApplianceProblem(
            f"{service.name} takes {service.memory} MiB and {free} MiB are free",
            hint="give the machine more memory, or use --force",
        )


def available_memory(path: Path) -> int:
    """MiB that programs can have without anything being swapped out."""
    for line in path.read_text("ascii").splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            return int(amount.split()[0]) // 1024
    return 0


def _systemctl(*words: str, may_fail: bool = False) -> None:
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, check=False)
    if done.returncode and not may_fail:
        said = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise ApplianceProblem(f"systemctl {words[0]}: {said[0]}", hint="journalctl --boot")
