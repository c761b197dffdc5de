"""The step ``bake`` of OpenStack-Ansible: the deployed tree becomes an appliance's.

It gets what every appliance has, and what the playbooks made up for this build is taken out, so
that a first boot can make its own of it: private keys with their certificates, the broker's
database, and the secrets in user_secrets.yml, which it would take for ones that its owner chose.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import yaml

from aio_image import deployers
from aio_image.appliance import roots
from aio_image.bake.bake import make_appliance
from aio_image.bake.inside import run_inside
from aio_image.bake.osa import additions, alike, broker, lxc, presets, urls
from aio_image.bake.osa.bootstrap import SECRETS
from aio_image.bake.osa.bytecode import compile_all
from aio_image.bake.osa.certificates import take_out
from aio_image.bake.osa.files import inside, write
from aio_image.bake.osa.idle import idle
from aio_image.deployers.openstack_ansible.deploying import deployment
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.stores.dpkg import package_list

_NAME_STAYS = "etc/cloud/cloud.cfg.d/91-aio-name.cfg"


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: the appliance's own, and the note of what to make anew; ``packages.txt``.

    Settings as of ``aio_image.bake.bake``. Raises BuildError when a task fails or a private key
    cannot be taken out.
    """
    run_inside(bake, ctx)


def bake(ctx: StepContext) -> None:
    """The body of the step; must be in private mount and pid namespaces."""
    with trees.writable(ctx.layers, ctx.output, ctx.work) as root:
        with idle(root):
            make_appliance(ctx, root, lxc.place if roots.containers(root) else presets.there)
        lxc.adopt(root)
        if roots.containers(root):
            ctx.progress("Join what containers have alike", 1.0)
            joined = alike.join(root)
            print(f"joined {joined.files} files, {joined.size / 2**20:.0f} MiB", flush=True)
        ctx.progress("Compile the virtual environments", 1.0)
        for home, count in compile_all(root).items():
            print(f"{home}: {count} files of byte code", flush=True)
        ctx.progress("Take the build's private keys out", 1.0)
        for path in take_out(root):
            print(f"emptied {path}", flush=True)
        services = ctx.step.settings["services"]
        broker.settle(lxc.home(root, "rabbit-mq") or root, _passwords(root, services))
        forget_secrets(root)
        keep_name(root)
        # Each service would want containers of its own, which nothing here makes.
        if not roots.containers(root):
            additions.write(root, services, {})
        for path in urls.note(root):
            print(f"spells the public host: {path}", flush=True)
        # What the playbooks have installed, of which the root's own list knows nothing.
        (ctx.output / "packages.txt").write_text(package_list(root), encoding="utf-8")


def keep_name(root: Path) -> None:
    """Have cloud-init leave the machine's name, by which services and inventory know it, alone."""
    write(root, _NAME_STAYS, "preserve_hostname: true\n")


def _passwords(root: Path, services: Collection[str]) -> dict[str, str]:
    """RabbitMQ's users and their passwords in this build."""
    secrets = yaml.safe_load(inside(root, SECRETS).read_text("utf-8"))
    rows = deployers.load("openstack-ansible").secrets_of(services)
    return {user: secrets[row.name] for row in rows for user in row.rabbitmq}


def forget_secrets(root: Path) -> None:
    """Leave of user_secrets.yml what is no secret: the UUIDs."""
    path = inside(root, SECRETS)
    kept = {
        name: value
        for name, value in yaml.safe_load(path.read_text("utf-8")).items()
        if deployment().length_of(name) == 0
    }
    path.write_text(yaml.safe_dump(kept), encoding="utf-8")
