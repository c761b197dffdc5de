"""What systemd says of the services' units: one ``systemctl`` for all of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

_PROPERTIES = "Id,Names,LoadState,ActiveState,SubState,Result,ActiveEnterTimestampMonotonic"


@dataclass(frozen=True)
class Unit:
    """``since`` is the uptime in seconds at which it became active; 0 when it is not."""

    name: str
    loaded: bool
    active: bool
    failed: bool
    state: str
    since: float


def show(names: Iterable[str]) -> dict[str, Unit]:
    """The state of each unit, by the name asked for. Empty when systemd does not answer."""
    wanted = list(names)
    done = subprocess.run(
        ["systemctl", "show", f"--property={_PROPERTIES}", "--", *wanted],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return parse(wanted, done.stdout)


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
        since = int(said.get("ActiveEnterTimestampMonotonic") or 0) / 1e6
        found[name] = Unit(
            name=name,
            loaded=loaded,
            active=active == "active",
            failed=active == "failed" or not loaded,
            state=state,
            since=round(since, 1) if active == "active" else 0.0,
        )
    return found


def last_words(name: str) -> str:
    """The last line ``name`` wrote to the journal in this boot, shortened."""
    done = subprocess.run(
        ["journalctl", "--boot", "--unit", name, "--lines=12", "--output=cat", "--no-pager"],
        capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    # systemd's own closing lines say that it failed, not why.
    prefixes = (f"{name}: ", "Failed to start", "Stopped", "Starting", "Started")
    own = [line for line in lines if not line.startswith(prefixes)]
    return (own or lines or ["it said nothing"])[-1][:300]
