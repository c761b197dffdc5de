"""The step ``bootstrap``: OpenStack-Ansible's own bootstrap-aio.sh.

With canaries for secrets, fixed internal addresses, and a name where the public address goes.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import yaml

from aio_image.bake.canary import bake_id, canary
from aio_image.bake.inside import run_inside
from aio_image.bake.ledger import ENDPOINT_HOST
from aio_image.bake.osa.room import Room, entered
from aio_image.bake.osa.scripts import run_script
from aio_image.bake.osa.sources import CLONE, DEPLOY
from aio_image.deployers.openstack_ansible.deploying import deployment, secret_names, secrets_of
from aio_image.execution.context import StepContext
from aio_image.sources.git.pins import Lock, parse

SECRETS = f"{DEPLOY}/user_secrets.yml"
_RELEASE = "/etc/aio/release.yaml"
_EXTRA = "/run/aio-bootstrap.json"


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: the host prepared, and /etc/openstack_deploy.

    Settings: ``lock``, ``scenario``, ``deployer``, and those of ``room.entered``. Raises
    BuildError when the script fails, with what it said last.
    """
    run_inside(bootstrap, ctx)


def bootstrap(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    lock = parse("\n".join(ctx.step.settings["lock"]))
    with entered(ctx) as room:
        _write_settings(room.root, ctx, lock)
        _reachable(room)
        _extra(room)
        environment = {
            "SCENARIO": ctx.step.settings["scenario"],
            "BOOTSTRAP_EXTRA_PARAMS": f"-e @{_EXTRA}",
        }
        run_script(ctx, room, "bootstrap-aio.sh", environment)
        _note_modules(room.root)


def bootstrap_variables() -> dict[str, Any]:
    """Extra variables of bootstrap-aio.sh."""
    return {
        **deployment().bootstrap,
        "openstack_user_config_overrides": {
            "global_overrides": {"external_lb_vip_address": ENDPOINT_HOST}
        },
    }


def _write_settings(root: Path, ctx: StepContext, lock: Lock) -> None:
    bake = bake_id(ctx.step.key)
    shipped = _inside(root, f"{CLONE}/etc/openstack_deploy/user_secrets.yml")
    names = secret_names(shipped.read_text("utf-8"))
    _write(root, SECRETS, yaml.safe_dump(secrets_of(names, canary, bake), width=1000), 0o600)
    release = {
        "bake_id": bake,
        "deployer": ctx.step.settings["deployer"],
        "scenario": ctx.step.settings["scenario"],
        "release": lock.release,
        "series": lock.series,
    }
    _write(root, _RELEASE, yaml.safe_dump(release, sort_keys=False), 0o644)


def _reachable(room: Room) -> None:
    """Ansible reaches the host by ssh."""
    # cloud-init would have made them; nothing of this boot's stays.
    room.container.run(["ssh-keygen", "-A"])
    room.container.run(["systemctl", "restart", "ssh.service"], check=False)


def _extra(room: Room) -> None:
    room.container.run(["tee", _EXTRA], feed=json.dumps(bootstrap_variables()))


def _note_modules(root: Path) -> None:
    for name in deployment().modules:
        _write(root, f"/etc/modules-load.d/{name}.conf", f"{name}\n", 0o644)


def _inside(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _write(root: Path, path: str, text: str, mode: int) -> None:
    place = _inside(root, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    place.chmod(mode)
