"""The step ``bake`` of a staged image: the appliance's own, before there is a cloud.

The same playbook as for a deployed tree, without what changes deployed files: its scripts are run
by the orders, when the playbooks are over.
"""

from __future__ import annotations

from aio_image.bake.bake import make_appliance
from aio_image.bake.inside import run_inside
from aio_image.bake.osa.bake import keep_name
from aio_image.deployers.openstack_ansible.orders import orders
from aio_image.dib.apt_root import installed
from aio_image.execution.context import StepContext
from aio_image.host import trees


def run(ctx: StepContext) -> None:
    """Keeps ``tree/`` and ``packages.txt``.

    Settings as of ``aio_image.bake.bake``. Raises BuildError when a task fails.
    """
    run_inside(bake, ctx)


def bake(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    with trees.writable(ctx.layers, ctx.output, ctx.work) as root:
        staged = {"aio_deployed": False, "aio_staged_packages": list(orders().packages)}
        make_appliance(ctx, root, lambda *_: staged)
        keep_name(root)
        (ctx.output / "packages.txt").write_text(installed(root), encoding="utf-8")
