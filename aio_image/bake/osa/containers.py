"""The step ``bootstrap`` of a scenario whose services are in LXC containers.

It is a module of its own so that scenarios without them depend on none of this. The steps after
it are the same for all: what containers take is in the tree and in its variables
(deployers/openstack_ansible/containers.yaml).
"""

from __future__ import annotations

from pathlib import Path

import yaml

from aio_image.bake.inside import run_inside
from aio_image.bake.osa.bootstrap import bootstrap_variables, bootstrapped
from aio_image.bake.osa.files import write
from aio_image.bake.osa.runtime import constraints_file
from aio_image.bake.osa.sources import DEPLOY
from aio_image.deployers.openstack_ansible.containers import containers
from aio_image.execution.context import StepContext
from aio_image.sources.git.pins import Lock, parse

# After runtime's own, so that these hold.
KEPT = f"{DEPLOY}/user_zzx_aio_containers.yml"


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: as ``bootstrap``'s, and what containers take besides.

    Settings: those of ``bootstrap``. Raises BuildError when the script fails, with what it said
    last.
    """
    run_inside(bootstrap, ctx)


def bootstrap(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    lock = parse("\n".join(ctx.step.settings["lock"]))
    variables = {**bootstrap_variables(), **containers().bootstrap}
    with bootstrapped(ctx, variables) as root:
        place(root, lock)


def place(root: Path, lock: Lock) -> None:
    """Write what containers take into the tree ``root``."""
    (constraints,) = [pin for pin in lock.sources if pin.kind == "requirements"]
    kept = containers().variables(constraints_file(constraints.commit))
    write(root, KEPT, yaml.safe_dump(kept, width=1000))
    for path, file in containers().files.items():
        write(root, path, file.text, file.mode)
