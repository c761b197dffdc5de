"""The step ``bake``: an appliance is made of the root, booted in systemd-nspawn.

What that takes is the deployer's (recipe.yaml): all of OpenStack, or what is still missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import aio_image.appliance
from aio_image import deployers
from aio_image.bake import ansible, nspawn, release
from aio_image.bake.canary import bake_id, canary
from aio_image.bake.inside import run_inside
from aio_image.bake.ledger import ENDPOINT_HOST
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.paths import resource


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: what the playbook changed on top of the steps before.

    Settings: ``deployer``, ``scenario``, ``services``, ``dormant``. Raises BuildError when a
    task fails.
    """
    run_inside(bake, ctx)


def bake(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    began = time.monotonic()
    with trees.writable(ctx.layers, ctx.output, ctx.work) as root:
        make_appliance(ctx, root)
    print(f"baked in {time.monotonic() - began:.1f} s", flush=True)


def make_appliance(
    ctx: StepContext,
    root: Path,
    more: Callable[[Mapping[str, Any], Path], Mapping[str, Any]] | None = None,
) -> None:
    """Boot the tree ``root`` up to basic.target, without a network, and run bake.yml there.

    Settings as of ``run``. ``more(extra variables, root)`` gives those to be others. Raises
    BuildError when a task fails. Be in private namespaces.
    """
    began = time.monotonic()
    file = resource("playbooks") / "bake.yml"
    console = ctx.log.with_suffix(".console.log")
    given = variables(known_release(root, ctx.step.key), ctx.step.settings)
    if more is not None:
        given |= more(given, root)
    ctx.progress("Boot the root in systemd-nspawn", 0.0)
    with nspawn.booted(root, console=console, mask=nspawn.FIRST_BOOT) as container:
        print(f"booted in {time.monotonic() - began:.1f} s", flush=True)
        ansible.play(
            ansible.Playbook(file, {**given, "aio_leader": container.leader}, ctx.work / "ansible"),
            ctx.progress,
            ansible.count_tasks(file, given["aio_roles"]),
        )
        ctx.progress("Stop everything in good order", 1.0)
        stopping = time.monotonic()
    print(f"stopped in {time.monotonic() - stopping:.1f} s", flush=True)


def known_release(root: Path, key: str) -> dict[str, Any]:
    """What release.yaml in the tree ``root`` says of this build; else a bake id from ``key``.

    A deployer that has written canaries in a step before this one has chosen the bake id there.
    """
    path = root / release.PATH
    return release.read(path) if path.exists() else {"bake_id": bake_id(key)}


def variables(known: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The extra variables of bake.yml (aio_image/deployers/README.md), all but ``aio_leader``.

    ``known``: what is known of the release, its ``bake_id`` among it.
    """
    facts = deployers.load(settings["deployer"])
    services, dormant = tuple(settings["services"]), tuple(settings["dormant"])
    names = {*services, *dormant}
    installed = [row.name for row in facts.services if row.name in names]
    bake = known["bake_id"]
    told = {"bake_id", "deployer", "scenario", "services", "dormant", "versions"}
    return {
        "aio_bake_id": bake,
        "aio_release": {name: value for name, value in known.items() if name not in told},
        "aio_services": installed,
        "aio_roles": list(facts.recipe.roles_of(installed)),
        "aio_recipe": facts.recipe.dump(),
        "aio_secrets": {
            secret.name: canary(bake, secret.name, secret.length)
            for secret in facts.secrets_of(names)
        },
        "aio_endpoint_host": ENDPOINT_HOST,
        "aio_facts": {**facts.dump(services, dormant), "scenario": settings["scenario"]},
        "aio_recovery": facts.recovery_of(services),
        "aio_settle": facts.settle_of(names),
        "aio_appliance_source": str(Path(aio_image.appliance.__file__).parent),
    }
