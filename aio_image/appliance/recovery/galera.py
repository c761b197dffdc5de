"""A Galera cluster whose members all run on this machine, as OpenStack-Ansible's all-in-one has it.

After a crash no member may know that it was the last: grastate.dat then says ``safe_to_bootstrap:
0`` and, where InnoDB was not closed, ``seqno: -1``. The way back is the one that Galera and
OpenStack-Ansible document: find the member that got furthest (grastate.dat, else
--wsrep-recover), let it found the cluster again, and have the others join it one by one.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import units
from ..files import write_atomic
from ..problems import ApplianceProblem
from . import aria
from .model import Finding, ask, do, start, tell

if TYPE_CHECKING:
    from .mariadb import Server

_NOBODY = "00000000-0000-0000-0000-000000000000"
_POSITION = re.compile(r"WSREP: Recovered position:\s*([0-9a-f-]{36}):(-?\d+)")
_JOIN_SECONDS = 600


@dataclass(frozen=True)
class Position:
    """How far a member got: ``seqno`` -1 when not even recovery can tell."""

    uuid: str
    seqno: int
    safe: bool


def examine(servers: Sequence[Server]) -> list[Finding]:
    """Nothing, members that are out, or a cluster that is down."""
    out = [server for server in servers if not synced(server)]
    if not out:
        return []
    if len(out) < len(servers):
        return [
            Finding(
                server.unit,
                f"is not part of the cluster: {units.last_words(server.unit)}",
                "restart it: it joins the others",
                lambda server=server: _join(server),  # type: ignore[misc]
            )
            for server in out
        ]
    return [
        Finding(
            "galera",
            f"no member of the cluster works: {units.last_words(servers[0].unit)}",
            "found it again from the member that got furthest",
            lambda: found_again(servers),
        )
    ]


def synced(server: Server) -> bool:
    """Whether it takes statements as a member of a primary component."""
    said = server.query(
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_status')"
    )
    words = set((said or "").split())
    return {"ON", "Primary"} <= words


def found_again(servers: Sequence[Server]) -> None:
    """Bring the whole cluster up again. Raises ApplianceProblem, before anything is changed, when
    members have histories that differ: only a person can say which of them counts."""
    for server in servers:
        tell("stop", server.unit)
    positions = {server.unit: position(server) for server in servers}
    unit = choose(positions)
    first = next(server for server in servers if server.unit == unit)
    _allow(first)
    if not aria.started(first.unit, first.data, lambda: _founded(first)):
        raise ApplianceProblem(
            f"{first.unit}: does not found the cluster: {units.last_words(first.unit)}",
            hint=f"its log, and innodb_force_recovery, may save what is in {first.data}",
        )
    for server in servers:
        if server is not first:
            _join(server)


def _founded(server: Server) -> bool:
    """Whether it starts, as the first member of the cluster."""
    # The unit's own way to be given options (MYSQLD_OPTS in its ExecStart), for this start only.
    do("systemctl", "set-environment", "MYSQLD_OPTS=--wsrep-new-cluster", home=server.home)
    try:
        with suppress(ApplianceProblem):
            start(server.unit)
            _wait(server)
            return True
    finally:
        do("systemctl", "unset-environment", "MYSQLD_OPTS", home=server.home)
    return False


def choose(positions: dict[str, Position]) -> str:
    """The unit whose position is the furthest; of equals the one that says it was the last."""
    histories = {one.uuid for one in positions.values() if one.uuid != _NOBODY}
    if len(histories) > 1:
        raise ApplianceProblem(
            f"the members have different histories ({', '.join(sorted(histories))})",
            hint="start the one whose data you want with galera_new_cluster",
        )
    known = {unit: one for unit, one in positions.items() if one.uuid != _NOBODY}
    if not known:
        raise ApplianceProblem("no member knows of a cluster", hint="aio rebuild")
    # min() keeps the first of equals: the order of the table.
    return min(known, key=lambda unit: (-known[unit].seqno, not known[unit].safe))


def position(server: Server) -> Position:
    """From grastate.dat; what it does not know, from the log of the storage engine."""
    said = {}
    try:
        for line in (server.data / "grastate.dat").read_text("ascii").splitlines():
            name, colon, value = line.partition(":")
            if colon and not line.startswith("#"):
                said[name.strip()] = value.strip()
    except (FileNotFoundError, UnicodeDecodeError):
        said = {}
    try:
        kept = Position(
            said.get("uuid", _NOBODY),
            int(said.get("seqno", "-1")),
            said["safe_to_bootstrap"] == "1",
        )
    except (KeyError, ValueError):
        kept = Position(_NOBODY, -1, False)
    if kept.seqno >= 0 and kept.uuid != _NOBODY:
        return kept
    command = ["mariadbd", "--user=mysql", "--wsrep-recover", "--skip-networking",
               "--disable-log-error"]  # fmt: skip
    if server.suffix:
        command.insert(1, f"--defaults-group-suffix={server.suffix}")
    _, log = ask(*command, seconds=900, home=server.home)
    match = _POSITION.search(log)
    if match is None:
        return kept
    return Position(match.group(1), int(match.group(2)), kept.safe)


def _allow(server: Server) -> None:
    path = server.data / "grastate.dat"
    if not path.exists():
        return  # then Galera asks nothing
    text = path.read_text("ascii", "replace")
    text = re.sub(r"(?m)^safe_to_bootstrap:.*$", "safe_to_bootstrap: 1", text)
    write_atomic(path, text, path.stat().st_mode & 0o777)


def _join(server: Server) -> None:
    tell("stop", server.unit)
    start(server.unit)
    _wait(server)


def _wait(server: Server) -> None:
    until = time.monotonic() + _JOIN_SECONDS
    while not synced(server):
        if time.monotonic() > until:
            raise ApplianceProblem(
                f"{server.unit}: not part of the cluster after {_JOIN_SECONDS} s:"
                f" {units.last_words(server.unit)}"
            )
        time.sleep(1)
