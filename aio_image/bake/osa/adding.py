"""The step ``additions``: services that are carried for later, added once to know what that takes.

It does in the deployed tree what `aio enable` does on an appliance, with what the build host lends,
and collects what the playbooks brought. Nothing of that tree itself is kept.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

from aio_image.appliance.deploying.additions import write_conf
from aio_image.appliance.layout import Layout
from aio_image.bake.inside import run_inside
from aio_image.bake.osa import later, stores
from aio_image.bake.osa.playbooks import Watch, play_in
from aio_image.bake.osa.room import entered
from aio_image.deployers.openstack_ansible.additions import additions
from aio_image.execution.context import StepContext
from aio_image.stores.dpkg import installed, newer
from aio_image.stores.freeze import Frozen, freeze, virtualenvs

PLAYED = "playbooks.json"


def run(ctx: StepContext) -> None:
    """Keeps ``apt/``, ``wheels/`` and ``installed.json`` as ``stores`` does, ``playbooks.json``.

    The latter: ``[{"service", "playbook", "plays", "tasks", "seconds"}]``. Settings: ``additions``,
    ``addition_sources`` and those of ``room.entered``. Raises BuildError naming the task that
    failed, MirrorError with a line for each package and wheel that is not to be had.
    """
    run_inside(add, ctx)


def add(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    scratch = ctx.work / "deployed"
    scratch.mkdir()
    rows = [additions()[name] for name in ctx.step.settings["additions"]]
    with entered(replace(ctx, output=scratch)) as room:
        packages, held = installed(room.root), _frozen(room.root)
        later.put(ctx, room.root)
        for row in rows:
            write_conf(Layout(room.root), row.name, row.group)
        played = [
            {"service": row.name, **play_in(room, playbook, _watch(ctx, playbook))}
            for row in rows
            for playbook in row.playbooks
        ]
        wanted = newer(installed(room.root), packages)
        brought = {
            place: new
            for place, now in _frozen(room.root).items()
            if (new := [one for one in now if one not in held.get(place, ())])
        }
        repository = stores.repository(ctx, room, wanted)
        wheels = stores.wheel_set(ctx, room, brought)
    shutil.rmtree(scratch)
    stores.keep(ctx.output, repository, wheels, wanted, brought)
    (ctx.output / PLAYED).write_text(json.dumps(played, indent=1) + "\n", encoding="utf-8")


def _frozen(root: Path) -> dict[str, list[Frozen]]:
    """What each virtualenv of OpenStack-Ansible's holds, by its place in the tree."""
    return {
        f"/{place.relative_to(root)}": freeze(place) for place in virtualenvs(root / stores.VENVS)
    }


def _watch(ctx: StepContext, playbook: str) -> Watch:
    watch = Watch(0, lambda _says, _part: ctx.progress(told()))

    def told() -> str:
        return f"{playbook}: {watch.task} (task {watch.tasks})"

    return watch
