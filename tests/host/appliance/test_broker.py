"""The broker starts whatever a power cut of its first start made of its files, with all its users.

The debian deployer's does so at every start, and whatever became of them.

RabbitMQ as the image has it, in a container of the sealed tree. Each damage here, by itself, keeps
a RabbitMQ that uses what it finds from starting, at every start.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aio_image.bake import nspawn
from aio_image.bake.nspawn import Container
from aio_image.host import trees
from tests.host.appliance.booted import DEPLOYER, appliance, sealed_results
from tests.host.appliance.database import systemctl
from tests.host.bake.conftest import fresh_room, private
from tests.waiting import wait_for

__all__ = ["private"]

pytestmark = pytest.mark.host

UNIT = "rabbitmq-server.service"
_NODE = f"var/lib/rabbitmq/mnesia/rabbit@{'localhost' if DEPLOYER == 'debian' else 'aio1'}"
# Seconds that only what fails takes.
_LONG = 900


def _schema_zeroed(_: Container, node: Path) -> None:
    """A file that was never flushed: "Cannot read schema"."""
    schema = node / "schema.DAT"
    schema.write_bytes(b"\0" * schema.stat().st_size)


def _half_made(container: Container, node: Path) -> None:
    """A first start that ends at its first table: "schema_integrity_check_failed"."""
    shutil.rmtree(node)
    (node.parents[1] / ".aio-whole").unlink(missing_ok=True)
    systemctl(container, "start", "--no-block", UNIT)
    cut = (
        f"until set -- /{_NODE}/rabbit_*.DC? && [ -e $1 ]; do sleep 0.01; done;"
        f" kill -KILL $(systemctl show --value --property=MainPID {UNIT})"
    )
    container.run(["sh", "-c", cut], timeout=_LONG)
    systemctl(container, "stop", UNIT)


# What OpenStack-Ansible's playbooks have added stays: `aio recover` is for later damage.
DAMAGES = (_schema_zeroed, _half_made) if DEPLOYER == "debian" else (_half_made,)


def test_damaged_files_are_no_matter(private: Callable[..., None], tmp_path: Path) -> None:
    def body() -> None:
        with (_alone if DEPLOYER == "debian" else _among_all)(tmp_path) as (container, root):
            _damage_and_start(container, root)

    private(body)


@contextmanager
def _alone(folder: Path) -> Iterator[tuple[Container, Path]]:
    """In a tree where nothing else runs, with the build's secrets."""
    room = fresh_room("broker")
    try:
        with trees.writable(sealed_results(), room / "out", room / "work", durable=False) as root:
            for path in (root / "usr/lib/systemd/system").glob(f"{UNIT}.d/*personalise.conf"):
                path.unlink()
            console = folder / "console.log"
            with nspawn.booted(root, console=console, orderly=False) as container:
                yield container, root
    finally:
        shutil.rmtree(room, ignore_errors=True)


@contextmanager
def _among_all(folder: Path) -> Iterator[tuple[Container, Path]]:
    """In a whole appliance: OpenStack-Ansible's needs certificates and addresses of the cloud."""
    with appliance(folder) as made:
        if not (made.root / f"usr/lib/systemd/system/{UNIT}").exists():
            pytest.skip("it is in a container of this image")
        with made.boot() as container:
            made.until_healthy(container)
            yield container, made.root


def _damage_and_start(container: Container, root: Path) -> None:
    definitions = json.loads((root / "etc/rabbitmq/definitions.json").read_text(encoding="utf-8"))
    users = {user["name"] for user in definitions["users"]}
    assert users
    _started(container)
    assert _users(container) == users
    for damage in DAMAGES:
        systemctl(container, "kill", "--signal=KILL", UNIT, check=False)
        systemctl(container, "stop", UNIT)
        damage(container, root / _NODE)
        _started(container)
        assert _users(container) == users, damage.__name__


def _started(container: Container) -> None:
    """Started by systemd, at the first try."""
    systemctl(container, "start", UNIT)
    asked = ["rabbitmqctl", "--quiet", "await_startup", "--timeout", "300"]
    failed = ["systemctl", "show", "--value", "--property=NRestarts", UNIT]

    def answers() -> bool:
        assert container.run(failed, timeout=60).output.strip() == "0", container.journal(UNIT)
        return container.run(asked, check=False, timeout=_LONG).status == 0

    assert wait_for(answers, _LONG, pause=1.0)


def _users(container: Container) -> set[str]:
    told = container.run(
        ["rabbitmqctl", "--quiet", "list_users", "--formatter=json"], timeout=_LONG
    )
    return {row["user"] for row in json.loads(told.output)}
