"""A small Debian with MariaDB and the appliance's own code, booted for a test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aio_image.appliance
from aio_image.bake import nspawn
from aio_image.bake.nspawn import Container
from aio_image.host import trees
from tests.host.bake.conftest import PACKAGES, debian, fresh_room

DATABASE = (*PACKAGES, "python3-yaml", "mariadb-server", "galera-4", "rsync", "lsof", "procps")
CODE = "from aio_appliance.cli import main; import sys; sys.exit(main())"


@contextmanager
def database(
    members: list[dict[str, Any]], settings: str, console: Path, mask: tuple[str, ...] = ()
) -> Iterator[tuple[Container, Path]]:
    """``settings`` is MariaDB's configuration. Be in a private mount namespace."""
    room = fresh_room("database")
    kept = debian("database", DATABASE)
    try:
        with trees.writable([kept], room / "out", room / "work", durable=False) as root:
            code = root / "usr/lib/python3/dist-packages/aio_appliance"
            shutil.copytree(Path(aio_image.appliance.__file__).parent, code)
            (root / "usr/bin/aio").write_text(f"#!/usr/bin/python3\n{CODE}\n")
            (root / "usr/bin/aio").chmod(0o755)
            (root / "usr/share/aio").mkdir()
            table = {"format": 1, "parts": [{"kind": "mariadb", "members": members}]}
            (root / "usr/share/aio/recovery.json").write_text(json.dumps(table))
            (root / "etc/mysql/mariadb.conf.d/90-test.cnf").write_text(settings)
            with nspawn.booted(root, console=console, mask=mask, orderly=False) as container:
                yield container, root
    finally:
        shutil.rmtree(room, ignore_errors=True)


def systemctl(container: Container, *words: str, check: bool = True) -> None:
    container.run(["systemctl", *words], timeout=600, check=check)


def sql(container: Container, statements: str, socket: str = "/run/mysqld/mysqld.sock") -> str:
    client = ["mariadb", "--no-defaults", f"--socket={socket}", "--user=root"]
    asked = container.run([*client, "--batch", "--skip-column-names"], feed=statements, timeout=120)
    return asked.output.strip()
