"""The step ``bootstrap``: OpenStack-Ansible's own bootstrap-ansible.sh and bootstrap-aio.sh.

With canaries for secrets, fixed internal addresses, and a name where the public address goes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from aio_image.bake.canary import bake_id, canary
from aio_image.bake.inside import run_inside
from aio_image.bake.ledger import ENDPOINT_HOST
from aio_image.bake.osa.playbooks import Watch, failure
from aio_image.bake.osa.room import Room, entered
from aio_image.bake.osa.sources import CLONE, DEPLOY, GIT
from aio_image.deployers.openstack_ansible.deploying import deployment, secret_names, secrets_of
from aio_image.errors import BuildError
from aio_image.execution.context import StepContext
from aio_image.sources.git.pins import Lock, parse

_KEPT = f"{DEPLOY}/user_zz_aio_image.yml"
SECRETS = f"{DEPLOY}/user_secrets.yml"
_RELEASE = "/etc/aio/release.yaml"
# As upstream's own gate has its repositories; the runtime's constraints come from there.
_ZUUL = "/run/aio-zuul"
_EXTRA = "/run/aio-bootstrap.json"
# Where in the step's time the scripts begin: the first makes virtual environments and clones.
_ANSIBLE, _AIO = 0.03, 0.7


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: Ansible's runtime, roles, collections and /etc/openstack_deploy.

    Settings: ``lock``, ``scenario``, ``deployer``, and those of ``room.entered``. Raises
    BuildError when a script fails, with what it said last.
    """
    run_inside(bootstrap, ctx)


def bootstrap(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    lock = parse("\n".join(ctx.step.settings["lock"]))
    with entered(ctx) as room:
        _write_settings(room.root, ctx, lock)
        ctx.progress("bootstrap-ansible.sh", _ANSIBLE)
        _prepare(room, lock)
        _script(ctx, room, "bootstrap-ansible.sh", {"ZUUL_SRC_PATH": _ZUUL}, (_ANSIBLE, _AIO))
        ctx.progress("bootstrap-aio.sh", _AIO)
        _extra(room)
        environment = {
            "SCENARIO": ctx.step.settings["scenario"],
            "BOOTSTRAP_EXTRA_PARAMS": f"-e @{_EXTRA}",
        }
        _script(ctx, room, "bootstrap-aio.sh", environment, (_AIO, 1.0))
        _note_modules(room.root)


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
    _write(root, _KEPT, yaml.safe_dump(kept_variables(lock), width=1000), 0o644)
    release = {
        "bake_id": bake,
        "deployer": ctx.step.settings["deployer"],
        "scenario": ctx.step.settings["scenario"],
        "release": lock.release,
        "series": lock.series,
    }
    _write(root, _RELEASE, yaml.safe_dump(release, sort_keys=False), 0o644)


def _prepare(room: Room, lock: Lock) -> None:
    (constraints,) = [pin for pin in lock.sources if pin.kind == "requirements"]
    copy = f"{GIT}/{constraints.url.removeprefix('https://')}.git"
    folder = f"{_ZUUL}/opendev.org/openstack/requirements"
    room.container.run(["mkdir", "-p", folder])
    room.container.run(["ln", "-sfn", copy, f"{folder}/.git"])
    # cloud-init would have made them; nothing of this boot's stays.
    room.container.run(["ssh-keygen", "-A"])
    room.container.run(["systemctl", "restart", "ssh.service"], check=False)


def _extra(room: Room) -> None:
    room.container.run(["tee", _EXTRA], feed=json.dumps(bootstrap_variables()))


def _script(
    ctx: StepContext,
    room: Room,
    script: str,
    environment: Mapping[str, str],
    share: tuple[float, float],
) -> None:
    """Run a script of the release; ``share`` is from where to where of the step's work it goes."""
    begins, ends = share
    began = time.monotonic()

    def progress(text: str, part: float | None) -> None:
        ctx.progress(text, begins + (ends - begins) * (part or 0))

    watch = Watch(deployment().tasks[script], progress)

    def on_line(line: str) -> None:
        print(line, flush=True)
        watch.line(line)

    status = room.run(["bash", f"scripts/{script}"], on_line, folder=CLONE, environment=environment)
    print(f"{script} took {time.monotonic() - began:.0f} s", flush=True)
    if status != 0:
        if watch.failures:
            raise failure(script, watch)
        said = [line for line in watch.last if line.strip() and not line.startswith("+ ")]
        raise BuildError(
            f"{script} ended with status {status}: {said[-1] if said else 'it said nothing'}",
            hint="its output is in the step's log",
            details=said[-20:],
        )


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
