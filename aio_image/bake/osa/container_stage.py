"""The step ``stage`` where services are in LXC containers: what these take is in place, too."""

from __future__ import annotations

import filecmp
import json
import shutil
from pathlib import Path
from typing import Any

from aio_image.bake.inside import run_inside
from aio_image.bake.osa import container_stores, containers
from aio_image.bake.osa.container_root import CACHE
from aio_image.bake.osa.files import inside, write
from aio_image.bake.osa.stage import staged
from aio_image.bake.osa.stores import APT
from aio_image.deployers.openstack_ansible.containers import containers as table
from aio_image.deployers.openstack_ansible.homes import homes
from aio_image.deployers.openstack_ansible.staged_containers import staged_containers
from aio_image.deployers.openstack_ansible.staging import staging
from aio_image.execution.context import StepContext
from aio_image.sources.git.pins import Lock, parse


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: as ``stage``'s, the containers' repository and root, files and inventory.

    Settings: those of ``stage``. Reads of ``stores`` what containers take, too.
    """
    run_inside(stage, ctx)


def stage(ctx: StepContext) -> None:
    """The body of the step; must be in a private mount namespace."""
    lock = parse("\n".join(ctx.step.settings["lock"]))
    with staged(ctx, table().bootstrap, staged_containers().scripts) as root:
        ctx.progress("what containers take")
        place(root, lock, ctx.inputs["stores"])


def place(root: Path, lock: Lock, stores: Path) -> None:
    """Put into the tree ``root`` what containers take, of ``stores``, that step's result."""
    containers.place(root, lock)
    for path in homes().build:
        inside(root, path).unlink(missing_ok=True)
    for path, file in staged_containers().files.items():
        write(root, path, file.text, file.mode)
    host, own = (inside(root, path) for path in (staging().places[APT], staged_containers().apt))

    def copy(source: str, target: str) -> str:
        """What both have alike is one file: containers see theirs read only."""
        twin = host / Path(target).relative_to(own)
        if twin.is_file() and filecmp.cmp(source, twin, shallow=False):
            Path(target).hardlink_to(twin)
        else:
            shutil.copy2(source, target)
        return target

    shutil.copytree(stores / container_stores.APT, own, copy_function=copy)
    shutil.copytree(stores / container_stores.ROOT, inside(root, CACHE))
    known = json.loads((stores / container_stores.OUTLINE / container_stores.INVENTORY).read_text())
    write(root, container_stores.INVENTORY, json.dumps(without_words(known), indent=4) + "\n")


def without_words(inventory: dict[str, Any]) -> dict[str, Any]:
    """``inventory`` without what OpenStack-Ansible writes into it anew at each run: the words of
    openstack_user_config.yml, among them the build's public host.
    """
    every = {name: each for name, each in inventory["all"].items() if name != "vars"}
    return {**inventory, "all": every}
