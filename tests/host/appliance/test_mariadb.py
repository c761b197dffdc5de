"""A real MariaDB server, alone, that does not start any more, and `aio recover`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aio_image.bake.nspawn import Container
from tests.host.appliance.database import database, sql, systemctl
from tests.host.bake.conftest import private

__all__ = ["private"]

pytestmark = pytest.mark.host

SETTINGS = """
[mariadbd]
innodb_buffer_pool_size = 32M
innodb_log_file_size = 16M
"""


def recovered(container: Container) -> str:
    began = time.monotonic()
    # Without the rest of an appliance nobody says that it is healthy.
    done = container.run(["aio", "recover", "--timeout", "1"], timeout=1200, check=False)
    print(done.output, done.errors, f"{time.monotonic() - began:.0f} s")
    return done.output


def test_a_server_that_does_not_start(private: Callable[..., None], tmp_path: Path) -> None:
    def body() -> None:
        members = [{"unit": "mariadb.service", "suffix": ""}]
        with database(members, SETTINGS, tmp_path / "console.log") as (container, root):
            systemctl(container, "start", "mariadb")
            sql(container, "CREATE DATABASE cloud; CREATE TABLE cloud.words (w INT PRIMARY KEY);")
            sql(container, "INSERT INTO cloud.words VALUES (1), (2), (3);")
            logs_and_owners(container, root)
            damaged(container, root)

    private(body)


def logs_and_owners(container: Container, root: Path) -> None:
    systemctl(container, "stop", "mariadb")
    (root / "var/lib/mysql/aria_log_control").write_bytes(b"\0" * 52)
    container.run(["chown", "nobody", "/var/lib/mysql/ibdata1"])
    systemctl(container, "start", "mariadb", check=False)
    said = recovered(container)
    assert "another user's" in said and "does not answer" in said and "did not help" not in said
    assert sql(container, "SELECT COUNT(*) FROM cloud.words") == "3"
    assert (root / "var/lib/mysql/aria_log_control.broken").exists()


def damaged(container: Container, root: Path) -> None:
    """What nobody can mend is said, and left as it is."""
    systemctl(container, "stop", "mariadb")
    aria = root / "var/lib/mysql/aria_log_control"
    log = root / "var/lib/mysql/ib_logfile0"
    content = bytearray(log.read_bytes())
    content[:65536] = b"\xff" * 65536
    log.write_bytes(content)
    done = container.run(["aio", "recover"], timeout=600, check=False)
    print(done.output, done.errors)
    assert done.status == 1 and "mariadb.service: does not start" in done.errors
    assert log.read_bytes() == bytes(content) and aria.exists()
