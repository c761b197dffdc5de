"""The step ``stage``: what a first boot without a network deploys OpenStack from, in its place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from aio_image.bake import release
from aio_image.bake.canary import bake_id, canary
from aio_image.bake.inside import run_inside
from aio_image.bake.osa import additions
from aio_image.bake.osa.bootstrap import SECRETS, about, shipped_secrets
from aio_image.bake.osa.files import inside, write
from aio_image.bake.osa.sleeping import SOURCES, put_to_sleep
from aio_image.bake.osa.sources import DEPLOY
from aio_image.bake.osa.stores import APT, WHEELS
from aio_image.deployers.openstack_ansible.deploying import deployment, secrets_of
from aio_image.deployers.openstack_ansible.orders import Script, orders
from aio_image.deployers.openstack_ansible.staging import staging
from aio_image.errors import BuildError
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.stores.apt import sources as apt_sources

_ORDERS = "/usr/share/aio/deploy.json"
_VARIABLES = f"{DEPLOY}/user_zz_aio_staged.yml"


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: stores, variables, and orders.

    Settings: ``deployer``, ``scenario``, ``services``, ``lock``. Reads of ``stores`` its sets, of
    each playbook its ``playbook.json``.
    """
    run_inside(stage, ctx)


def stage(ctx: StepContext) -> None:
    """The body of the step; must be in a private mount namespace."""
    with staged(ctx) as root:
        additions.write(root, ctx.step.settings["services"], staging().environment)


@contextmanager
def staged(
    ctx: StepContext, variables: Mapping[str, Any] | None = None, scripts: Sequence[Script] = ()
) -> Iterator[Path]:
    """Put all of it into the step's tree, which the block then has.

    ``variables`` and ``scripts`` are more for the orders, as of ``Orders.dump``.
    """
    with trees.writable(ctx.layers, ctx.output, ctx.work) as root:
        for name in (APT, WHEELS):
            ctx.progress(f"{name} into {staging().places[name]}")
            target = inside(root, staging().places[name])
            shutil.copytree(ctx.inputs["stores"] / name, target)
        write(root, SOURCES, apt_sources(Path(staging().places[APT])))
        for path in staging().asleep:
            put_to_sleep(inside(root, path))
        write(root, _VARIABLES, yaml.safe_dump(staging().kept(), width=1000))
        told = orders().dump(ctx.step.settings["scenario"], counts(ctx), variables, scripts)
        write(root, _ORDERS, json.dumps(told, indent=1) + "\n")
        bake = bake_id(ctx.step.key)
        write(root, release.PATH, yaml.safe_dump(about(ctx, bake), sort_keys=False))
        write(root, SECRETS, yaml.safe_dump(uuids(shipped_secrets(root), bake)), 0o600)
        yield root


def uuids(names: Iterable[str], bake: str) -> dict[str, str]:
    """Of user_secrets.yml what is no secret; a first boot draws the others."""
    wanted = [name for name in names if deployment().length_of(name) == 0]
    return secrets_of(wanted, canary, bake)


def counts(ctx: StepContext) -> dict[str, dict[str, int]]:
    """Playbook → plays and tasks as this build saw them, in deploy.yaml's order."""
    found: dict[str, dict[str, int]] = {}
    for name in deployment().after:
        path = ctx.inputs[name] / "playbook.json"
        try:
            told: dict[str, Any] = json.loads(path.read_text("utf-8"))
            found[name] = {word: int(told[word]) for word in ("plays", "tasks")}
        except (OSError, ValueError, KeyError) as error:
            raise BuildError(f"{path}: {error}", hint=f"build again with --from {name}") from error
    return found
