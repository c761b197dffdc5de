"""Sources of services that an image carries for later, put where OpenStack-Ansible finds them.

As ``sources`` does it for what is deployed, and apart from it: what is carried for later decides
nothing of what the playbooks of the build do, so it may change without a deployment anew.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from aio_image.bake.osa.files import write
from aio_image.bake.osa.shallow import template
from aio_image.bake.osa.sources import DEPLOY, GIT, TEMPLATE, check, copy
from aio_image.execution.context import StepContext
from aio_image.sources.git.client import Git
from aio_image.sources.git.mirrors import GitMirrors
from aio_image.sources.git.pins import Pin

_VARIABLES = f"{DEPLOY}/user_zz_aio_additions.yml"


def put(ctx: StepContext, root: Path) -> None:
    """Have the repositories in the tree ``root``, and the commits that are not the release's own.

    Settings: ``addition_sources``, rows of a lock. Raises BuildError when a copy that the lock
    names is not in the store.
    """
    pins = [Pin(**row) for row in ctx.step.settings["addition_sources"]]
    store = Git(ctx.home.downloads / "git", GitMirrors({}))
    check(pins, store)
    for pin in pins:
        copy(store, pin, root)
    template(root, GIT, TEMPLATE)
    moved = {f"{pin.name}_git_install_branch": pin.commit for pin in pins if pin.instead}
    if moved:
        write(root, _VARIABLES, yaml.safe_dump(moved, explicit_start=True))
