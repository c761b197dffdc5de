"""What the pristine archive is made of: the paths that its patterns stand for."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from aio_image import deployers
from aio_image.bake.ledger import Ledger
from aio_image.bake.pristine import Rules, pack, tops
from aio_image.bake.seal import unrestored
from aio_image.errors import BuildError

RULES = Rules(packed=(), left=(), elsewhere=(), cloud=(), secret=())


def test_a_pattern_is_what_it_stands_for_in_the_image(tmp_path: Path) -> None:
    for name in ("etc", "openstack/venvs/nova-33/etc", "openstack/venvs/glance-33/etc"):
        (tmp_path / name).mkdir(parents=True)
    rules = replace(RULES, packed=("/etc", "/srv", "/openstack/venvs/*/etc"))
    assert tops(rules, tmp_path) == (
        "/etc", "/srv", "/openstack/venvs/glance-33/etc", "/openstack/venvs/nova-33/etc",
    )  # fmt: skip


@pytest.mark.parametrize("deployer", ["debian", "openstack-ansible"])
def test_a_reset_puts_back_every_file_with_a_secret(deployer: str) -> None:
    """Else the next first boot finds the last appliance's secret in the canary's place."""
    rules = Rules.of(deployer)
    covered = (*rules.packed, *rules.elsewhere)
    facts = deployers.load(deployer)
    rows = facts.secrets_of([one.name for one in facts.services])
    placed = {file for row in rows for file in row.files if "*" not in file}
    assert placed
    assert [file for file in sorted(placed) if not below(file, covered)] == []


def test_so_it_does_in_containers() -> None:
    rules = Rules.of("openstack-ansible")
    facts = deployers.load("openstack-ansible")
    rows = facts.secrets_of([one.name for one in facts.services])
    root = "/var/lib/lxc/aio1-galera-container-bdd1f33b/rootfs"
    placed = [f"{root}{file}" for row in rows for file in row.files if "*" not in file]
    left = [re.sub(r"\\\*", "[^/]*", re.escape(one)) for one in rules.left]
    assert [file for file in placed if any(re.match(f"{one}(/|$)", file) for one in left)] == []


def test_a_file_with_a_secret_that_no_reset_puts_back_is_named() -> None:
    files = ("/etc/mysql/my.cnf", "/usr/local/bin/clustercheck")
    row = deployers.Secret("monitoring", "galera", 32, files, (), (), (), None)
    ledger = Ledger("openstack-ansible", "1234", (row,))
    lost = unrestored(ledger, {"/etc/mysql/my.cnf"}, str)
    assert lost == [
        "/usr/local/bin/clustercheck: holds monitoring, and is not among what a reset puts back"
    ]


@pytest.mark.parametrize("deployer", ["debian", "openstack-ansible"])
def test_a_rebuild_makes_files_of_services_anew(deployer: str) -> None:
    facts = deployers.load(deployer)
    rows = facts.secrets_of([one.name for one in facts.services])
    # Of OpenStack-Ansible's own clients' files some are in /root.
    placed = {file for row in rows for file in row.files if file.startswith("/etc/")}
    cloud = Rules.of(deployer).cloud
    assert [file for file in sorted(placed) if not below(file, cloud)] == []


def test_what_no_reset_could_put_back_is_not_packed(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    os.mkfifo(tmp_path / "etc/pipe")
    with pytest.raises(BuildError, match=r"^/etc/pipe: is neither file nor folder") as caught:
        pack(replace(RULES, packed=("/etc",)), tmp_path)
    assert "pristine.yaml" in caught.value.hint


@pytest.mark.parametrize("deployer", ["debian", "openstack-ansible"])
def test_a_rebuild_keeps_passwords_and_configuration(deployer: str) -> None:
    kept = (
        "/etc/aio/config.yaml",
        "/etc/aio/pki/ca.pem",
        "/etc/openstack_deploy/user_secrets.yml",
        "/etc/openstack_deploy/user_variables.yml",
    )
    assert [file for file in kept if below(file, Rules.of(deployer).cloud)] == []


def below(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, top) or fnmatchcase(path, f"{top}/*") for top in patterns)
