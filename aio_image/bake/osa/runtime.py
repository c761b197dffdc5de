"""The step ``runtime``: Ansible, roles and collections, by OpenStack-Ansible's own script.

bootstrap-ansible.sh alone: what it leaves has no secret, address or name of a machine, and is the
same whether the playbooks run in the build or at a first boot.
"""

from __future__ import annotations

from typing import Any

import yaml

from aio_image.bake.inside import run_inside
from aio_image.bake.osa.files import write
from aio_image.bake.osa.room import Room, entered
from aio_image.bake.osa.scripts import run_script
from aio_image.bake.osa.sources import DEPLOY, GIT
from aio_image.deployers.openstack_ansible.deploying import deployment
from aio_image.deployers.openstack_ansible.staging import staging
from aio_image.execution.context import StepContext
from aio_image.sources.git.pins import Lock, parse

KEPT = f"{DEPLOY}/user_zz_aio_image.yml"
# OpenStack-Ansible's own way to have more in its virtualenv (bootstrap-ansible.sh).
_MORE = f"{DEPLOY}/user-ansible-venv-requirements.txt"
# As upstream's own gate has its repositories; the runtime's constraints come from there.
_ZUUL = "/run/aio-zuul"


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: Ansible's runtime, roles, collections, and the variables that stay.

    Settings: ``lock``, and those of ``room.entered``. Raises BuildError when the script fails,
    with what it said last.
    """
    run_inside(runtime, ctx)


def runtime(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    lock = parse("\n".join(ctx.step.settings["lock"]))
    with entered(ctx) as room:
        write(room.root, KEPT, yaml.safe_dump(kept_variables(lock), width=1000))
        write(room.root, _MORE, "".join(f"{one}\n" for one in staging().runtime))
        ctx.progress("bootstrap-ansible.sh", 0.05)
        _link_constraints(room, lock)
        run_script(ctx, room, "bootstrap-ansible.sh", {"ZUUL_SRC_PATH": _ZUUL})


def kept_variables(lock: Lock) -> dict[str, Any]:
    """The content of user_zz_aio_image.yml: deploy.yaml's, and services not at their pin."""
    moved = {
        f"{pin.name}_git_install_branch": pin.commit
        for pin in lock.of_kind("service", "console")
        if pin.instead
    }
    (constraints,) = [pin for pin in lock.sources if pin.kind == "requirements"]
    table = deployment()
    return {
        **table.kept,
        "user_requirements_git_url": f"file://{constraints_file(constraints.commit)}",
        "openstack_host_custom_hosts_records": [
            f"{table.addresses['external']} {table.external_name}"
        ],
        **moved,
    }


def constraints_file(commit: str) -> str:
    """Where bootstrap-ansible.sh leaves the constraints of ``commit``."""
    return f"/opt/ansible-runtime-constraints-{commit}.txt"


def _link_constraints(room: Room, lock: Lock) -> None:
    (constraints,) = [pin for pin in lock.sources if pin.kind == "requirements"]
    copy = f"{GIT}/{constraints.url.removeprefix('https://')}.git"
    folder = f"{_ZUUL}/opendev.org/openstack/requirements"
    room.container.run(["mkdir", "-p", folder])
    room.container.run(["ln", "-sfn", copy, f"{folder}/.git"])
