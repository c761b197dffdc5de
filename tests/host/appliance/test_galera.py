"""Three members of a real Galera cluster on one machine, broken on purpose, and `aio recover`."""

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

MEMBERS = (1, 2, 3)
MEMBER = """
[mariadbd.{n}]
datadir = /var/lib/mysql{n}
socket = /run/mysqld/{n}.sock
pid-file = /run/mysqld/{n}.pid
port = 331{n}
bind-address = 127.0.0.1
innodb_buffer_pool_size = 16M
innodb_log_file_size = 4M
innodb_autoinc_lock_mode = 2
binlog_format = ROW
wsrep_on = ON
wsrep_provider = /usr/lib/galera/libgalera_smm.so
wsrep_cluster_name = aio
wsrep_cluster_address = gcomm://127.0.0.1:4561,127.0.0.1:4562,127.0.0.1:4563
wsrep_node_name = member{n}
wsrep_node_address = 127.0.0.1
wsrep_node_incoming_address = 127.0.0.1:331{n}
wsrep_provider_options = "base_port=456{n};gmcast.listen_addr=tcp://127.0.0.1:456{n};\
ist.recv_addr=127.0.0.1:457{n};gcache.size=16M"
wsrep_sst_method = rsync
wsrep_sst_receive_address = 127.0.0.1:458{n}
"""


def ask(container: Container, n: int, statement: str) -> str:
    return sql(container, statement, f"/run/mysqld/{n}.sock")


def found(container: Container) -> None:
    """A cluster of three in which member 1 got further than the others."""
    systemctl(container, "set-environment", "MYSQLD_OPTS=--wsrep-new-cluster")
    systemctl(container, "start", "mariadb@1")
    systemctl(container, "unset-environment", "MYSQLD_OPTS")
    systemctl(container, "start", "mariadb@2")
    systemctl(container, "start", "mariadb@3")
    ask(container, 3, "CREATE DATABASE cloud; CREATE TABLE cloud.words (w INT PRIMARY KEY)")
    ask(container, 3, "INSERT INTO cloud.words VALUES (1)")
    systemctl(container, "stop", "mariadb@3")
    ask(container, 2, "INSERT INTO cloud.words VALUES (2)")
    systemctl(container, "stop", "mariadb@2")
    ask(container, 1, "INSERT INTO cloud.words VALUES (3)")


def crash(container: Container, root: Path) -> None:
    """The power goes; member 1 never learns that it was the last, and its view is lost."""
    systemctl(container, "kill", "--signal=KILL", "mariadb@1")
    time.sleep(1)
    systemctl(container, "stop", "mariadb@1")
    (root / "var/lib/mysql1/gvwstate.dat").unlink(missing_ok=True)
    states = {n: (root / f"var/lib/mysql{n}/grastate.dat").read_text() for n in MEMBERS}
    assert "seqno:   -1" in states[1]
    # Were it still 1, Galera itself would begin with member 1.
    path = root / "var/lib/mysql1/grastate.dat"
    path.write_text(states[1].replace("safe_to_bootstrap: 1", "safe_to_bootstrap: 0"))
    for n in (2, 3):
        assert "safe_to_bootstrap: 0" in states[n]


def test_recover_founds_the_cluster_again(private: Callable[..., None], tmp_path: Path) -> None:
    def body() -> None:
        members = [{"unit": f"mariadb@{n}.service", "suffix": f".{n}"} for n in MEMBERS]
        settings = "".join(MEMBER.format(n=n) for n in MEMBERS)
        console = tmp_path / "console.log"
        with database(members, settings, console, ("mariadb.service",)) as (container, root):
            for n in MEMBERS:
                container.run(["install", "-d", "-o", "mysql", "-g", "mysql", f"/var/lib/mysql{n}"])
            recover(container, root)

    private(body)


def recover(container: Container, root: Path) -> None:
    found(container)
    crash(container, root)
    told = container.run(["aio", "recover", "--check"], timeout=120, check=False)
    print(told.output, told.errors)
    assert told.status == 1 and "no member of the cluster works" in told.output
    began = time.monotonic()
    # Without the rest of an appliance nobody says that it is healthy.
    done = container.run(["aio", "recover", "--timeout", "1"], timeout=1200, check=False)
    print(done.output, done.errors, f"{time.monotonic() - began:.0f} s")
    assert "1 mended" in done.output
    for n in MEMBERS:
        assert ask(container, n, "SELECT GROUP_CONCAT(w ORDER BY w) FROM cloud.words") == "1,2,3"
        size = ask(container, n, "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_size'")
        assert size.split() == ["wsrep_cluster_size", "3"]
    # One member alone is out: it joins those that work.
    systemctl(container, "stop", "mariadb@2")
    told = container.run(["aio", "recover", "--check"], timeout=120, check=False)
    assert "mariadb@2.service: is not part of the cluster" in told.output
    container.run(["aio", "recover", "--timeout", "1"], timeout=600, check=False)
    assert ask(container, 2, "SELECT COUNT(*) FROM cloud.words") == "3"
    # The one that got furthest has damaged files.
    for n in (3, 2, 1):
        systemctl(container, "stop", f"mariadb@{n}")
    (root / "var/lib/mysql1/aria_log_control").write_bytes(b"\0" * 52)
    container.run(["chown", "nobody", "/var/lib/mysql1/ibdata1"])
    done = container.run(["aio", "recover", "--timeout", "1"], timeout=1200, check=False)
    print(done.output, done.errors)
    for n in MEMBERS:
        assert ask(container, n, "SELECT COUNT(*) FROM cloud.words") == "3"
    # Members with different histories are for a person to choose from.
    systemctl(container, "stop", *(f"mariadb@{n}" for n in MEMBERS))
    path = root / "var/lib/mysql2/grastate.dat"
    text = path.read_text()
    uuid = next(line for line in text.splitlines() if line.startswith("uuid:"))
    path.write_text(text.replace(uuid, "uuid:    11111111-2222-3333-4444-555555555555"))
    done = container.run(["aio", "recover"], timeout=600, check=False)
    assert done.status == 1 and "different histories" in done.errors
