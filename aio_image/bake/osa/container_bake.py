"""The step ``bake`` of a staged image with LXC containers: before there is any of them.

Which containers there will be says the inventory that the image carries, and what the tried tree
had of units and bridges its outline (``container_stores``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aio_image.bake.bake import make_appliance
from aio_image.bake.inside import run_inside
from aio_image.bake.osa import lxc
from aio_image.bake.osa.bake import keep_name
from aio_image.bake.osa.container_stores import OUTLINE
from aio_image.deployers.openstack_ansible.orders import orders
from aio_image.dib.apt_root import installed
from aio_image.execution.context import StepContext
from aio_image.host import trees


def run(ctx: StepContext) -> None:
    """Keeps ``tree/`` and ``packages.txt``.

    Settings as of ``aio_image.bake.bake``. Reads of ``stores`` the outline. Raises BuildError when
    a task fails.
    """
    run_inside(bake, ctx)


def bake(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    outline = ctx.inputs["stores"] / OUTLINE
    with trees.writable(ctx.layers, ctx.output, ctx.work) as root:
        make_appliance(ctx, root, lambda given, _: placed(given, outline))
        keep_name(root)
        (ctx.output / "packages.txt").write_text(installed(root), encoding="utf-8")


def placed(given: Mapping[str, Any], outline: Path) -> dict[str, Any]:
    """``given``, extra variables of bake.yml, for what a first boot deploys as ``outline`` says."""
    staged = {"aio_deployed": False, "aio_staged_packages": list(orders().packages)}
    return {**lxc.place(given, outline), **staged}
