"""The step ``bootstrap``: OpenStack-Ansible's own bootstrap-aio.sh.

With canaries for secrets, fixed internal addresses, and a name where the public address goes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from aio_image.bake import release
from aio_image.bake.canary import bake_id, canary
from aio_image.bake.inside import run_inside
from aio_image.bake.ledger import ENDPOINT_HOST
from aio_image.bake.osa.files import inside, write
from aio_image.bake.osa.room import Room, entered
from aio_image.bake.osa.scripts import run_script
from aio_image.bake.osa.sources import CLONE, DEPLOY
from aio_image.deployers.openstack_ansible.deploying import deployment, secret_names, secrets_of
from aio_image.execution.context import StepContext
from aio_image.sources.git.pins import parse

SECRETS = f"{DEPLOY}/user_secrets.yml"
_SHIPPED = f"{CLONE}/etc/openstack_deploy/user_secrets.yml"
_EXTRA = "/run/aio-bootstrap.json"


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: the host prepared, and /etc/openstack_deploy.

    Settings: ``lock``, ``scenario``, ``deployer``, and those of ``room.entered``. Raises
    BuildError when the script fails, with what it said last.
    """
    run_inside(bootstrap, ctx)


def bootstrap(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    with bootstrapped(ctx, bootstrap_variables()):
        pass


@contextmanager
def bootstrapped(ctx: StepContext, variables: Mapping[str, Any]) -> Iterator[Path]:
    """Run it with extra ``variables``; the block then has the step's tree."""
    with entered(ctx) as room:
        bake = bake_id(ctx.step.key)
        secrets = secrets_of(shipped_secrets(room.root), canary, bake)
        write(room.root, SECRETS, yaml.safe_dump(secrets, width=1000), 0o600)
        write(room.root, release.PATH, yaml.safe_dump(about(ctx, bake), sort_keys=False))
        _reachable(room)
        room.container.run(["tee", _EXTRA], feed=json.dumps(variables))
        environment = {
            "SCENARIO": ctx.step.settings["scenario"],
            "BOOTSTRAP_EXTRA_PARAMS": f"-e @{_EXTRA}",
        }
        run_script(ctx, room, "bootstrap-aio.sh", environment)
        _note_modules(room.root)
        yield room.root


def bootstrap_variables() -> dict[str, Any]:
    """Extra variables of bootstrap-aio.sh."""
    return {
        **deployment().bootstrap,
        "openstack_user_config_overrides": {
            "global_overrides": {"external_lb_vip_address": ENDPOINT_HOST}
        },
    }


def shipped_secrets(root: Path) -> tuple[str, ...]:
    """The names of all secrets of the release in the tree ``root``."""
    return secret_names(inside(root, _SHIPPED).read_text("utf-8"))


def about(ctx: StepContext, bake: str) -> dict[str, str]:
    """What release.yaml says that a later step could not know. ``bake`` is the bake id.

    Settings: ``lock``, ``scenario``, ``deployer``.
    """
    lock = parse("\n".join(ctx.step.settings["lock"]))
    return {
        "bake_id": bake,
        "deployer": ctx.step.settings["deployer"],
        "scenario": ctx.step.settings["scenario"],
        "release": lock.release,
        "series": lock.series,
    }


def _reachable(room: Room) -> None:
    """Ansible reaches the host by ssh."""
    # cloud-init would have made them; nothing of this boot's stays.
    room.container.run(["ssh-keygen", "-A"])
    room.container.run(["systemctl", "restart", "ssh.service"], check=False)


def _note_modules(root: Path) -> None:
    for name in deployment().modules:
        write(root, f"/etc/modules-load.d/{name}.conf", f"{name}\n")
