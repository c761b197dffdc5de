"""OpenStack-Ansible's own playbooks on an appliance of it, as its owner runs them: natively, with
no way out. No password changes, and the cloud is as healthy as it was.

AIO_IMAGE_TEST_IMAGE      the image, of the deployer openstack-ansible
AIO_IMAGE_TEST_PLAYBOOKS  which (openstack.osa.setup_openstack), by spaces
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
from functools import partial
from pathlib import Path
from typing import TextIO

import pytest

from aio_image.bake.osa.playbooks import Watch
from aio_image.deployers.openstack_ansible.deploying import deployment
from aio_image.host.process import follow
from tests.boot.conftest import told
from tests.boot.native.boot import Boot, powered
from tests.boot.native.deploying import in_a_container
from tests.boot.native.disk import RootDisk
from tests.boot.table import Table
from tests.private import in_private

pytestmark = pytest.mark.boot
COLUMNS = ("playbook", "status", "plays", "tasks", "seconds", "said")
_CLONE = "/opt/openstack-ansible"
_SECRETS = "/etc/openstack_deploy/user_secrets.yml"
# What a container has not, as in the build's own runs (deploy.yaml, `bake`).
_VARIABLES = "/run/aio-bake.json"


def test_they_change_no_password(base: RootDisk, scratch: Path, results: Path) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    disk = base.copy(scratch / "disk.raw")
    table = Table(results, "osa-playbooks", COLUMNS)
    log = results / "osa-playbooks.log"

    def body() -> None:
        with powered(disk, scratch) as boot:
            if not (boot.root / _CLONE.lstrip("/")).is_dir():
                pytest.skip("not an image of OpenStack-Ansible")
            table.note(healthy=round(boot.until_healthy(), 1))
            before = _passwords(boot)
            with in_a_container(boot.root):
                boot.inside("systemctl", "daemon-reload")
                for playbook in told("PLAYBOOKS", "openstack.osa.setup_openstack").split():
                    status = _play(boot, playbook, table, log)
                    assert status == 0, f"{playbook}: see {log}"
            boot.inside("systemctl", "daemon-reload")
            assert _passwords(boot) == before
            answer = boot.token()
            assert answer["status"] == 201, answer
            assert boot.container is not None
            assert boot.container.failed_units() == []
            # Services restarted by handlers come back by themselves.
            table.note(healthy_after=round(boot.until_healthy(), 1))

    in_private(body)
    shutil.rmtree(scratch)


def _passwords(boot: Boot) -> dict[str, str]:
    """What passwords are, by digest: the file of them, the database's accounts, Keystone's."""
    queries = (
        "SELECT User, Host, authentication_string FROM mysql.user ORDER BY 1, 2",
        "SELECT id, local_user_id, password_hash FROM keystone.password ORDER BY 1",
    )
    said = {query: boot.inside("mariadb", "-BNe", query) for query in queries}
    said[_SECRETS] = (boot.root / _SECRETS.lstrip("/")).read_text(encoding="utf-8")
    assert all(said.values())
    return {what: hashlib.sha256(text.encode()).hexdigest() for what, text in said.items()}


def _play(boot: Boot, playbook: str, table: Table, log: Path) -> int:
    """Run ``playbook`` as OpenStack-Ansible's documentation has it; its exit status."""
    assert boot.container is not None
    began = boot.seconds
    watch = Watch(0, lambda *_: None)
    enter = boot.container.enter({"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1"})
    boot.inside("tee", _VARIABLES, feed=json.dumps(deployment().bake))
    words = ["openstack-ansible", playbook, "-e", f"@{_VARIABLES}"]
    command = f"cd {_CLONE} && exec {shlex.join(words)}"
    with log.open("a", encoding="utf-8") as sink:
        status = follow([*enter, "bash", "-c", command], partial(_line, watch, sink))
    said = "; ".join(f"{one.task}: {one.said[:200]}" for one in watch.failures)
    table.add(
        playbook=playbook,
        status=status,
        plays=watch.plays,
        tasks=watch.tasks,
        seconds=round(boot.seconds - began, 1),
        said=said,
    )
    return status


def _line(watch: Watch, sink: TextIO, line: str) -> None:
    print(line, file=sink, flush=True)
    watch.line(line)
