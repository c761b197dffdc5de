"""The step ``bake``: OpenStack is set up in the image's own root, booted in systemd-nspawn."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import aio_image.appliance
from aio_image import deployers
from aio_image.bake import ansible, nspawn
from aio_image.bake.canary import bake_id, canary
from aio_image.bake.inside import run_inside
from aio_image.bake.ledger import ENDPOINT_HOST
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.paths import resource


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: what the playbooks changed on top of the root.

    Settings: ``deployer``, ``scenario``, ``services``, ``dormant``. Raises BuildError when a
    task fails.
    """
    run_inside(bake, ctx)


def bake(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    began = time.monotonic()
    playbook = ansible.Playbook(
        file=resource("playbooks") / "bake.yml",
        variables=variables(ctx.step.key, ctx.step.settings),
        work=ctx.work / "ansible",
    )
    console = ctx.log.with_suffix(".console.log")
    with trees.writable(ctx.layers, ctx.output, ctx.work) as root:
        ctx.progress("Boot the root in systemd-nspawn", 0.0)
        with nspawn.booted(root, console=console, mask=nspawn.FIRST_BOOT) as container:
            print(f"booted in {time.monotonic() - began:.1f} s", flush=True)
            ansible.play(
                ansible.Playbook(
                    playbook.file,
                    {**playbook.variables, "aio_leader": container.leader},
                    playbook.work,
                ),
                ctx.progress,
                ansible.count_tasks(playbook.file),
            )
            ctx.progress("Stop everything in good order", 1.0)
            stopping = time.monotonic()
        print(f"stopped in {time.monotonic() - stopping:.1f} s", flush=True)
    print(f"baked in {time.monotonic() - began:.1f} s", flush=True)


def variables(key: str, settings: Any) -> dict[str, Any]:
    """The extra variables of bake.yml (aio_image/deployers/README.md), all but ``aio_leader``."""
    facts = deployers.load(settings["deployer"])
    services, dormant = tuple(settings["services"]), tuple(settings["dormant"])
    installed = {*services, *dormant}
    bake = bake_id(key)
    return {
        "aio_bake_id": bake,
        "aio_services": [row.name for row in facts.services if row.name in installed],
        "aio_secrets": {
            secret.name: canary(bake, secret.name, secret.length)
            for secret in facts.secrets_of(installed)
        },
        "aio_endpoint_host": ENDPOINT_HOST,
        "aio_facts": {**facts.dump(services, dormant), "scenario": settings["scenario"]},
        "aio_recovery": facts.recovery_of(services),
        "aio_settle": facts.settle_of(installed),
        "aio_appliance_source": str(Path(aio_image.appliance.__file__).parent),
    }
