"""The first boot of a staged image of OpenStack-Ansible: it deploys itself, with no route to
anywhere. What asks for more than the image has is named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from aio_image.deployers.openstack_ansible.deploying import deployment
from tests.boot.native.boot import Boot, Who, powered
from tests.boot.native.deploying import in_a_container
from tests.boot.native.disk import RootDisk
from tests.boot.table import Table

COLUMNS = ("name", "plays", "tasks", "seconds")
# Failed there, and only there: it wants the kernel's module of NFS.
_NOT_IN_A_CONTAINER = {"run-rpc_pipefs.mount"}
# A deploy takes an hour on two processors.
_LIMIT = 4 * 3600.0
# What a program says that would have gone somewhere, whether its task counts as failed or not.
_AWAY = re.compile(
    r"Network is unreachable|No route to host|Temporary failure (in name )?resol|"
    r"Could not resolve|Name or service not known"
)


def deploys_itself(disk: RootDisk, scratch: Path, results: Path) -> None:
    """Boot ``disk`` natively until it is healthy, cut its power, and have it healthy again.

    Be in private mount and pid namespaces.

    Leaves a table of its steps and the deployment's journal in ``results``.
    """
    table = Table(results, "osa-staged", COLUMNS)
    log = results / "osa-staged.log"
    with powered(disk, scratch, Who(routed=False), around=_told_of_the_container) as boot:
        if not (boot.root / "usr/share/aio/deploy.json").is_file():
            pytest.skip("not a staged image")
        try:
            table.note(healthy=round(boot.until_healthy(_LIMIT), 1))
        finally:
            log.write_text(boot.inside("journalctl", "-o", "cat", "-u", "aio-deploy"), "utf-8")
            for row in _over(boot):
                table.add(**row)
            table.note(troubles=boot.troubles)
        assert boot.troubles == []
        asked = [line for line in log.read_text("utf-8").splitlines() if _AWAY.search(line)]
        assert asked == []
        check(boot)
    table.note(healthy_again=round(healthy_again(disk, scratch), 1))


def healthy_again(disk: RootDisk, scratch: Path) -> float:
    """Seconds that the next boot of ``disk`` took. What playbooks gave the broker and the
    databases is still there, and so is every unit: nobody deploys a second time.
    """
    with powered(disk, scratch) as boot:
        seconds = boot.until_healthy()
        assert boot.troubles == []
        check(boot)
    return seconds


def check(boot: Boot) -> None:
    """A token comes from outside, and no unit has failed but what a container cannot have."""
    answer = boot.token()
    assert answer["status"] == 201, answer
    assert boot.container is not None
    assert set(boot.container.failed_units()) <= _NOT_IN_A_CONTAINER


@contextmanager
def _told_of_the_container(root: Path) -> Iterator[None]:
    """OpenStack-Ansible's variables for where no module can be loaded, as its owner would."""
    # The last of them counts.
    path = root / "etc/openstack_deploy/user_zzzz_container.yml"
    path.write_text(yaml.safe_dump(deployment().bake), encoding="utf-8")
    with in_a_container(root):
        yield


def _over(boot: Boot) -> list[dict[str, object]]:
    path = boot.root / "var/lib/aio/deployed.json"
    if not path.is_file():
        return []
    rows: list[dict[str, object]] = json.loads(path.read_text(encoding="utf-8"))["done"]
    return rows
