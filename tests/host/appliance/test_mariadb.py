"""A real MariaDB server, alone, that does not start any more, and `aio recover`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from aio_image.bake.nspawn import Container
from tests.host.appliance.database import database, sql, systemctl
from tests.host.bake.conftest import private
from tests.waiting import wait_for

__all__ = ["private"]

pytestmark = pytest.mark.host

SETTINGS = """
[mariadbd]
innodb_buffer_pool_size = 32M
innodb_log_file_size = 16M
innodb_max_dirty_pages_pct = 0
innodb_max_dirty_pages_pct_lwm = 0
"""
PAGE = 16384


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
            sql(container, "CREATE USER nova@127.0.0.1 IDENTIFIED BY 'a-password';")
            logs_and_owners(container, root)
            undo(container, root)

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


def written_since(data: Path, before: Mapping[str, bytes]) -> list[tuple[Path, int]]:
    """Whole pages of undo records (type FIL_PAGE_UNDO_LOG) of the transaction, and where."""
    found = []
    for path in data.glob("undo*"):
        content, old = path.read_bytes(), before[path.name]
        for at in range(0, len(content), PAGE):
            page = content[at : at + PAGE]
            if page[24:26] == b"\0\2" and page != old[at : at + PAGE] and b"x" * 1000 in page:
                found.append((path, at))
    return found


def undo(container: Container, root: Path) -> None:
    """A power cut inside a long transaction, of which pages of the undo log are lost."""
    sql(container, "CREATE TABLE cloud.long_one (n INT PRIMARY KEY, t VARCHAR(4000));")
    data = root / "var/lib/mysql"
    before = {path.name: path.read_bytes() for path in data.glob("undo*")}
    script = (
        'mariadb --no-defaults --user=root --execute="START TRANSACTION; '
        "UPDATE cloud.words SET w = w + 100; INSERT INTO cloud.long_one "
        "SELECT seq, REPEAT('x', 3000) FROM seq_1_to_3000; "
        "UPDATE cloud.long_one SET t = REPEAT('y', 3000); SELECT SLEEP(600)\" &"
    )
    container.run(["systemd-run", "--quiet", "sh", "-c", script + " wait"], timeout=60)
    assert wait_for(lambda: len(written_since(data, before)) > 5, pause=2)
    systemctl(container, "kill", "--signal=KILL", "mariadb")
    systemctl(container, "stop", "mariadb")
    lost = written_since(data, before)
    for path, at in lost:
        with path.open("r+b") as file:
            file.seek(at + 200)
            file.write(b"\xff" * 11800)
    print(f"{len(lost)} pages of undo log are garbage")
    systemctl(container, "start", "mariadb", check=False)
    time.sleep(5)
    shown = container.run(["systemctl", "is-active", "mariadb"], check=False)
    print("with a damaged undo log:", shown.output)
    said = recovered(container)
    assert "did not help" not in said
    assert sql(container, "SELECT COUNT(*) FROM cloud.words") == "3"
    shown = sql(container, "SHOW GRANTS FOR nova@127.0.0.1")
    assert "nova" in shown
