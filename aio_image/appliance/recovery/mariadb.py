"""A MariaDB server: alone, or the members of a Galera cluster that run on this machine.

Row: ``{"kind": "mariadb", "members": [{"unit": "mariadb.service", "suffix": ""}]}``; ``suffix`` is
the server's --defaults-group-suffix. Where its data is, and whether it is in a cluster, its own
configuration says.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import roots, units
from ..layout import Layout
from ..problems import ApplianceProblem
from . import aria, galera
from .model import Finding, ask, do, start, stop

_ANSWER_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """One server. ``options`` are its configuration's, by name, with ``_`` for ``-``; ``tree`` is
    the host's file system.
    """

    unit: str
    suffix: str
    options: Mapping[str, str]
    tree: Path = Path("/")

    @classmethod
    def of(cls, unit: str, suffix: str, tree: Path) -> Server:
        """As ``my_print_defaults`` tells it: the last of several values counts."""
        said = do("my_print_defaults", *([f"--defaults-group-suffix={suffix}"] if suffix else []),
                  "--mysqld", home=units.home(unit))  # fmt: skip
        options = {}
        for line in said.splitlines():
            name, equals, value = line.removeprefix("--").partition("=")
            options[name.replace("-", "_")] = value if equals else "ON"
        return cls(unit, suffix, options, tree)

    @property
    def home(self) -> str:
        """The container that it runs in; "" for the host."""
        return units.home(self.unit)

    @property
    def data(self) -> Path:
        """Where its files are, seen from the host."""
        folder = self.options.get("datadir", "/var/lib/mysql")
        return self.tree / roots.outside(self.tree, self.home, folder).lstrip("/")

    @property
    def owner(self) -> tuple[int, int]:
        """User and group id of mysql, where it runs."""
        return roots.ids(self.tree / roots.of(self.home).lstrip("/"), "mysql")

    @property
    def clustered(self) -> bool:
        return self.options.get("wsrep_on", "OFF").upper() in ("ON", "1")

    def query(self, sql: str) -> str | None:
        """The answer, tab-separated; None when there is none."""
        socket = self.options.get("socket", "/run/mysqld/mysqld.sock")
        code, said = ask(
            "mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "--batch",
            "--skip-column-names", "--connect-timeout=10", f"--execute={sql}", seconds=30,
            home=self.home,
        )  # fmt: skip
        return None if code else said


def examine(row: Mapping[str, Any], layout: Layout) -> list[Finding]:
    servers = [Server.of(one["unit"], one["suffix"], layout.root) for one in row["members"]]
    if any(server.clustered for server in servers):
        # A member whose files are another user's does not start, whatever the cluster says.
        given = [finding for server in servers for finding in _owned(server)]
        return [*given, *galera.examine(servers)]
    return [finding for server in servers for finding in _alone(server)]


def _alone(server: Server) -> list[Finding]:
    if not (server.data / "mysql").is_dir():
        return [Finding(server.unit, f"{server.data} holds no database", "aio rebuild", None)]
    found = _owned(server)
    if server.query("SELECT 1") is None:
        found.append(
            Finding(
                server.unit,
                f"does not answer: {units.last_words(server.unit)}",
                "restart it, if need be with Aria's log set aside",
                lambda: _revive(server),
            )
        )
    return found


def _owned(server: Server) -> list[Finding]:
    strangers = _not_mysqls(server)
    if not strangers:
        return []
    return [
        Finding(
            server.unit,
            f"{len(strangers)} of its files are another user's, as {strangers[0]}",
            "give them to mysql",
            lambda: _give(strangers, server.owner),
        )
    ]


def _not_mysqls(server: Server) -> list[Path]:
    data, (user, _) = server.data, server.owner
    paths = [
        data,
        *(Path(at, name) for at, under, names in os.walk(data) for name in under + names),
    ]
    # root's are Debian's own notes beside the data.
    return [path for path in paths if path.lstat().st_uid not in (0, user)]


def _give(paths: list[Path], owner: tuple[int, int]) -> None:
    for path in paths:
        os.chown(path, *owner, follow_symlinks=False)


def _revive(server: Server) -> None:
    """From what costs nothing to what costs the most; each only when those before did not help."""
    stop(server.unit)
    if not aria.started(server.unit, server.data, lambda: _starts(server)):
        raise ApplianceProblem(
            f"{server.unit}: does not start: {units.last_words(server.unit)}",
            hint=f"its log, and innodb_force_recovery, may save what is in {server.data}",
        )


def _starts(server: Server) -> bool:
    with suppress(ApplianceProblem):
        start(server.unit)
        until = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < until:
            if server.query("SELECT 1") is not None:
                return True
            time.sleep(1)
    return False
