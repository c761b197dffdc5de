"""What the pristine archive is made of: the paths that its patterns stand for."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from aio_image import deployers
from aio_image.bake.pristine import Rules, tops

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
    placed = {
        file for row in deployers.load(deployer).secrets for file in row.files if "*" not in file
    }
    assert placed
    assert [file for file in sorted(placed) if not below(file, covered)] == []


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
