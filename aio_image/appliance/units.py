"""What systemd says of the services' units, asked in the way that costs it least.

Every property of one unit costs systemd as much as the states of all of them together (0.13 s and
0.27 s on an emulated processor), and it is process 1 that pays while the services want to start:
so all states are listed in one call, and only a unit whose state changed is looked at closely.

A unit of an LXC container is named ``<container>/<unit>``: no unit's own name has a slash.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

_PROPERTIES = "Id,Names,LoadState,ActiveState,SubState,Result,Type,NRestarts"
_PROPERTIES += ",InactiveExitTimestampMonotonic,ActiveEnterTimestampMonotonic"


@dataclass(frozen=True)
class Unit:
    """``began`` is the uptime in seconds at which it was started, ``since`` at which it became
    active; 0 when it is not.

    ``failed``: also a oneshot that has failed and is tried again, until a try succeeds; ``tries``
    counts those.
    """

    name: str
    loaded: bool
    active: bool
    failed: bool
    state: str
    since: float
    began: float = 0.0
    tries: int = 0


def inside(container: str, command: Sequence[str]) -> list[str]:
    """``command`` as it is run in ``container``; "" is the host itself."""
    return ["lxc-attach", "--name", container, "--", *command] if container else list(command)


def home(unit: str) -> str:
    """The container that ``unit`` is in; "" for the host."""
    return unit.rpartition("/")[0]


def by_container(names: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Each container ("" for the host) with its units' own names, in the order they came."""
    found: dict[str, list[str]] = {}
    for name in names:
        container, _, unit = name.rpartition("/")
        found.setdefault(container, []).append(unit)
    yield from found.items()


def commands(words: Sequence[str], names: Iterable[str]) -> list[list[str]]:
    """``systemctl WORDS -- NAMES``: a command for the host, and one for each container."""
    return [
        inside(container, ["systemctl", *words, "--", *units])
        for container, units in by_container(names)
    ]


class Observer:
    """Looks at the same units again and again."""

    def __init__(self) -> None:
        self._states: dict[str, tuple[str, ...]] = {}
        self._units: dict[str, Unit] = {}

    def look(self, names: Iterable[str]) -> dict[str, Unit]:
        """The state of each unit, by the name asked for. Empty when systemd does not answer."""
        wanted = list(names)
        states = _states(wanted)
        # A name that is not listed is an alias, or there is no such unit: both are told by `show`.
        changed = [
            name for name in wanted if name not in states or states[name] != self._states.get(name)
        ]
        if changed:
            self._units |= show(changed)
        self._states = states
        return {name: self._units[name] for name in wanted if name in self._units}


def _states(names: list[str]) -> dict[str, tuple[str, ...]]:
    """Load, active and sub state of each unit that is loaded under just this name."""
    found: dict[str, tuple[str, ...]] = {}
    for container, units in by_container(names):
        command = ["systemctl", "list-units", "--all", "--output=json", "--", *units]
        done = subprocess.run(
            inside(container, command), capture_output=True, text=True, check=False
        )
        try:
            rows = json.loads(done.stdout or "[]")
        except ValueError:
            continue
        for row in rows:
            found[whole(container, row["unit"])] = (row["load"], row["active"], row["sub"])
    return found


def show(names: Iterable[str]) -> dict[str, Unit]:
    """The state of each unit, by the name asked for. Empty when systemd does not answer."""
    found: dict[str, Unit] = {}
    for container, units in by_container(names):
        command = ["systemctl", "show", f"--property={_PROPERTIES}", "--", *units]
        done = subprocess.run(
            inside(container, command), capture_output=True, text=True, check=False
        )
        for unit in parse(units, done.stdout).values():
            name = whole(container, unit.name)
            found[name] = replace(unit, name=name)
    return found


def whole(container: str, unit: str) -> str:
    """The name here of ``unit`` of ``container``."""
    return f"{container}/{unit}" if container else unit


def parse(wanted: list[str], text: str) -> dict[str, Unit]:
    """``systemctl show``'s blocks, one a unit, in the order asked for."""
    found: dict[str, Unit] = {}
    for name, block in zip(wanted, text.strip().split("\n\n"), strict=False):
        said = dict(line.partition("=")[::2] for line in block.splitlines())
        if name not in said.get("Names", "").split() and name != said.get("Id"):
            continue
        active = said.get("ActiveState", "")
        loaded = said.get("LoadState", "") == "loaded"
        state = f"{active} ({said.get('SubState', '')})" if loaded else said.get("LoadState", "")
        tries = int(said.get("NRestarts") or 0)
        again = said.get("SubState", "").startswith("auto-restart") or tries > 0
        retried = said.get("Type") == "oneshot" and active == "activating" and again
        began, since = (
            int(said.get(f"{what}TimestampMonotonic") or 0) / 1e6
            for what in ("InactiveExit", "ActiveEnter")
        )
        found[name] = Unit(
            name=name,
            loaded=loaded,
            active=active == "active",
            failed=active == "failed" or not loaded or retried,
            state=state,
            since=round(since, 1) if active == "active" else 0.0,
            began=round(began, 1) if active == "active" else 0.0,
            tries=tries,
        )
    return found


def last_words(name: str) -> str:
    """The last line ``name`` wrote to the journal in this boot, shortened."""
    container, _, name = name.rpartition("/")
    command = ["journalctl", "--boot", "--unit", name, "--lines=12", "--output=cat", "--no-pager"]
    done = subprocess.run(
        inside(container, command), capture_output=True, text=True, errors="replace", check=False
    )
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    # systemd's own closing lines say that it failed, not why.
    prefixes = (f"{name}: ", "Failed to start", "Stopped", "Starting", "Started")
    own = [line for line in lines if not line.startswith(prefixes)]
    return (own or lines or ["it said nothing"])[-1][:300]
