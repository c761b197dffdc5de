"""OpenStack-Ansible's steps from a mirror to the last playbook, on an OpenStack-Ansible in small.

Real git repositories in its shape, its scripts and places, real ansible-playbook in a booted
container: lock, sources, bootstrap, the three playbooks, one of which fails and is resumed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from aio_image.deployers.openstack_ansible.locking import Allowed
from aio_image.errors import MirrorError
from aio_image.host import trees
from aio_image.paths import Home
from aio_image.profile.load import load_profile
from aio_image.sources.git.client import Git
from aio_image.sources.git.mirrors import chosen
from aio_image.sources.git.pins import parse
from tests.host.bake.conftest import fresh_room
from tests.host.osa.conftest import CARRYING, PLAYED, Built, locked
from tests.osa import figures
from tests.osa.small import LATER, MISSING, ORDER
from tests.private import in_private

pytestmark = pytest.mark.host


def test_a_commit_that_the_mirror_lacks_is_named_with_what_names_it(built: Built) -> None:
    """Before anything is built: with role, commit and mirror, and both ways out."""
    loaded = load_profile("osa-aio-metal", [CARRYING])
    git = Git(built.home.downloads / "git", chosen([str(built.release.mirror)]))
    with pytest.raises(MirrorError, match="3 sources cannot be had") as caught:
        locked(git, loaded, Allowed())
    role, service, later = caught.value.details
    where = f"file://{built.release.mirror}/opendev.org/openstack"
    assert f"ansible-role-requirements.yml: role {MISSING}" in role
    assert f"{where}/ansible-role-frrouting" in role
    assert f"service nova: {where}/nova has no commit {'5' * 40}" in service
    assert "--nearest nova: the head of stable/2026.1" in service
    assert f"addition {LATER}: {where}/{LATER} has no commit {'5' * 40}" in later


def test_a_playbook_that_failed_is_the_one_a_build_goes_on_at(built: Built) -> None:
    assert built.first.ran == list(PLAYED[:5])
    assert built.first.failed == ["setup_infrastructure"]
    assert "setup_infrastructure: task “Fetch from afar” on aio1" in built.error.message
    assert "playbooks/setup_infrastructure.yml" in built.error.message
    assert "404" in built.error.message
    assert built.second.ran == list(PLAYED[4:])
    assert built.second.skipped == ["root", *PLAYED[:4]]


def test_scripts_and_playbooks_ran_in_order_with_their_variables(built: Built) -> None:
    def body() -> None:
        folders = [built.home.steps / step.name / step.key for step in built.plan.steps]
        work = fresh_room("osa-work")
        with trees.merged(folders, work) as tree:
            assert (tree / ORDER).read_text().splitlines() == [
                "bootstrap-ansible",
                "bootstrap-aio aio_metal 172.29.236.100",
                "setup_hosts galera=distro modules=0",
                "setup_infrastructure",
                "setup_openstack",
            ]
            # From the sources in the tree: the commit that was taken instead, of a git host.
            taken = {pin.name: pin.commit for pin in built.lock.sources}
            assert _head(tree / "opt/nova") == taken["nova"]
            assert _head(tree / "etc/ansible/roles/openstack_hosts") == taken["openstack_hosts"]
            assert _head(tree / "opt/openstack-ansible") == taken["openstack-ansible"]
            collections = tree / "etc/ansible/collections/ansible_collections"
            assert (collections / "kubernetes/core/galaxy.yml").is_file() or (
                collections / "kubernetes/core/MANIFEST.json"
            ).is_file()
            assert (
                "was left out" in (tree / f"etc/ansible/roles/{MISSING}/tasks/main.yml").read_text()
            )
            assert "aioCanary" in (tree / "etc/nova.conf").read_text()
            assert (
                "aio-canary.invalid"
                in (tree / "etc/openstack_deploy/openstack_user_config.yml").read_text()
            )
            # What `after` of deploy.yaml runs when the last is over.
            assert json.loads((tree / "etc/rabbitmq/definitions.json").read_text())
            # Nothing that the build host lent is left.
            assert not (tree / "etc/apt/apt.conf.d/00aio-build").exists()
            assert not (tree / "usr/local/sbin/sysctl").exists()
        shutil.rmtree(work)

    in_private(body)


def _head(folder: Path) -> str:
    return subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", folder, "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_its_figures_and_what_was_replaced(built: Built, tmp_path: Path) -> None:
    rows = {row["step"]: row for row in figures.steps(built.plan, built.home)}
    assert {row["state"] for name, row in rows.items() if name in PLAYED} == {"made"}
    assert (rows["setup_hosts"]["plays"], rows["setup_hosts"]["tasks"]) == (1, 3)
    assert all(rows[name]["megabytes"] > 0 and rows[name]["files"] > 0 for name in PLAYED)
    (left,) = figures.steps(built.plan, Home(tmp_path))[-1:]
    assert left == {"step": PLAYED[-1], "state": "not made"}
    known = parse(built.lock.text())
    assert [(row["kind"], row["name"], row["taken"]) for row in figures.replaced(known)] == [
        ("service", "nova", "head of stable/2026.1"),
        ("addition", LATER, "head of stable/2026.1"),
        ("role", MISSING, "left out"),
    ]
