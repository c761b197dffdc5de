"""A MariaDB server: alone, or the members of a Galera cluster that run on this machine.

Row: ``{"kind": "mariadb", "members": [{"unit": "mariadb.service", "suffix": ""}]}``; ``suffix`` is
the server's --defaults-group-suffix. Where its data is, and whether it is in a cluster, its own
configuration says.
"""

from __future__ import annotations

import os
import pwd
import shutil
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import units
from ..layout import Layout
from ..problems import ApplianceProblem
from . import galera
from .model import Finding, ask, do, start, stop

_SAFE_LEVELS = (1, 2, 3)  # of innodb_force_recovery; from 4 on it may damage what is still whole
_ANSWER_SECONDS = 120


@dataclass(frozen=True)
class Server:
    """One server. ``options`` are its configuration's, by name, with ``_`` for ``-``."""

    unit: str
    suffix: str
    options: Mapping[str, str]

    @classmethod
    def of(cls, unit: str, suffix: str) -> Server:
        """As ``my_print_defaults`` tells it: the last of several values counts."""
        said = do("my_print_defaults", *([f"--defaults-group-suffix={suffix}"] if suffix else []),
                  "--mysqld")  # fmt: skip
        options = {}
        for line in said.splitlines():
            name, equals, value = line.removeprefix("--").partition("=")
            options[name.replace("-", "_")] = value if equals else "ON"
        return cls(unit, suffix, options)

    @property
    def data(self) -> Path:
        return Path(self.options.get("datadir", "/var/lib/mysql"))

    @property
    def clustered(self) -> bool:
        return self.options.get("wsrep_on", "OFF").upper() in ("ON", "1")

    def query(self, sql: str) -> str | None:
        """The answer, tab-separated; None when there is none."""
        socket = self.options.get("socket", "/run/mysqld/mysqld.sock")
        code, said = ask(
            "mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "--batch",
            "--skip-column-names", "--connect-timeout=10", f"--execute={sql}", seconds=30,
        )  # fmt: skip
        return None if code else said


def examine(row: Mapping[str, Any], _: Layout) -> list[Finding]:
    servers = [Server.of(one["unit"], one["suffix"]) for one in row["members"]]
    if any(server.clustered for server in servers):
        return galera.examine(servers)
    return [finding for server in servers for finding in _alone(server)]


def _alone(server: Server) -> list[Finding]:
    if not (server.data / "mysql").is_dir():
        return [Finding(server.unit, f"{server.data} holds no database", "aio rebuild", None)]
    found = []
    if strangers := _not_mysqls(server.data):
        found.append(
            Finding(
                server.unit,
                f"{len(strangers)} of its files are another user's, as {strangers[0]}",
                "give them to mysql",
                lambda: _give(strangers),
            )
        )
    if server.query("SELECT 1") is None:
        found.append(
            Finding(
                server.unit,
                f"does not answer: {units.last_words(server.unit)}",
                "restart it, if need be with its logs set aside, or from a dump of what is whole",
                lambda: _revive(server),
            )
        )
    return found


def _not_mysqls(data: Path) -> list[Path]:
    user = pwd.getpwnam("mysql").pw_uid
    paths = [
        data,
        *(Path(at, name) for at, under, names in os.walk(data) for name in under + names),
    ]
    # root's are Debian's own notes beside the data.
    return [path for path in paths if path.lstat().st_uid not in (0, user)]


def _give(paths: list[Path]) -> None:
    for path in paths:
        shutil.chown(path, "mysql", "mysql")


def _revive(server: Server) -> None:
    """From what costs nothing to what costs the most; each only when those before did not help."""
    stop(server.unit)
    if _starts(server):
        return
    stop(server.unit)
    # Aria keeps the server's own tables and temporary ones; without its log it recovers each table.
    for log in [*server.data.glob("aria_log*"), server.data / "tc.log"]:
        if log.exists():
            log.rename(log.with_name(f"{log.name}.broken"))
    if _starts(server):
        return
    _from_dump(server)


def _starts(server: Server) -> bool:
    with suppress(ApplianceProblem):
        start(server.unit)
        until = time.monotonic() + _ANSWER_SECONDS
        while time.monotonic() < until:
            if server.query("SELECT 1") is not None:
                return True
            time.sleep(1)
    return False


def _from_dump(server: Server) -> None:
    """Have InnoDB overlook what is damaged, dump all, and load that into new files."""
    dump = Path("/var/lib/aio/recovery") / f"{server.unit}.sql"
    dump.parent.mkdir(mode=0o700, exist_ok=True)
    if not any(_dumped(server, level, dump) for level in _SAFE_LEVELS):
        stop(server.unit)
        raise ApplianceProblem(
            f"{server.unit}: its data cannot be read, not even with innodb_force_recovery=3",
            hint="aio rebuild makes an empty cloud in its place",
        )
    stop(server.unit)
    broken = server.data.with_name(f"{server.data.name}.broken-{time.strftime('%Y%m%d%H%M%S')}")
    server.data.rename(broken)
    server.data.mkdir(mode=0o755)
    shutil.chown(server.data, "mysql", "mysql")
    do("mariadb-install-db", "--user=mysql", "--skip-test-db", f"--datadir={server.data}")
    if not _starts(server):
        raise ApplianceProblem(f"{server.unit}: does not start with new files either")
    do("sh", "-c", 'exec mariadb --no-defaults --user=root --socket="$1" <"$2"', "load",
       server.options.get("socket", "/run/mysqld/mysqld.sock"), str(dump))  # fmt: skip
    do("mariadb", "--no-defaults", "--user=root", "--execute=FLUSH PRIVILEGES")
    dump.unlink()


def _dumped(server: Server, level: int, dump: Path) -> bool:
    stop(server.unit)
    # The unit's own way to be given options (MYSQLD_OPTS in its ExecStart).
    do("systemctl", "set-environment", f"MYSQLD_OPTS=--innodb-force-recovery={level}")
    try:
        if not _starts(server):
            return False
        code, _ = ask(
            "sh", "-c", 'umask 077; exec mariadb-dump --no-defaults --user=root --socket="$1" '
            '--all-databases --add-drop-database --routines --events --triggers >"$2"', "dump",
            server.options.get("socket", "/run/mysqld/mysqld.sock"), str(dump), seconds=3600,
        )  # fmt: skip
        return code == 0
    finally:
        do("systemctl", "unset-environment", "MYSQLD_OPTS")
