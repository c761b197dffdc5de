"""The step ``carry``: what services are added from later without a network, in its place.

apt is told of the repository for the time of `aio enable` only (``APT_CONFIG``), and so are pip and
uv: the appliance's own sources stay as they are, and are not asked.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from aio_image.bake.inside import run_inside
from aio_image.bake.osa import additions, later
from aio_image.bake.osa.files import inside, write
from aio_image.bake.osa.stores import APT, WHEELS
from aio_image.deployers.openstack_ansible.staging import staging
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.stores.apt import sources as apt_sources

_PLACE = "/opt/aio/additions"
_VARIABLES = f"{_PLACE}/variables.yml"
_APT = f"{_PLACE}/apt.conf"
_SOURCES = f"{_PLACE}/sources"


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: git sources, both stores, the variables, and the table of what can be added.

    Settings: ``additions``, ``addition_sources``, ``services``. Reads of ``additions`` its sets.
    """
    run_inside(carry, ctx)


def carry(ctx: StepContext) -> None:
    """The body of the step; must be in a private mount namespace."""
    with trees.writable(ctx.layers, ctx.output, ctx.work) as root:
        later.put(ctx, root)
        for name in (APT, WHEELS):
            ctx.progress(f"{name} into {staging().places[name]}")
            target = inside(root, staging().places[name])
            shutil.copytree(ctx.inputs["additions"] / name, target)
        write(root, f"{_SOURCES}/aio.sources", apt_sources(Path(staging().places[APT])))
        write(root, _APT, apt_config())
        write(root, _VARIABLES, yaml.safe_dump(variables(), width=1000))
        additions.write(
            root,
            ctx.step.settings["services"],
            staging().environment,
            variables=_VARIABLES,
            apt=_APT,
        )


def apt_config() -> str:
    """apt.conf(5) by which apt knows the carried repository and no other.

    What it has of others' indexes stays: apt would otherwise take them away.
    """
    return (
        'Dir::Etc::SourceList "/dev/null";\n'
        f'Dir::Etc::SourceParts "{_SOURCES}";\n'
        'APT::Get::List-Cleanup "false";\n'
    )


def variables() -> dict[str, object]:
    """OpenStack-Ansible's variables for such a run."""
    environment = {**staging().environment, "APT_CONFIG": _APT}
    return {
        **staging().variables,
        # The appliance's own asks whether its sources can be reached; the carried one always can.
        "cache_timeout": 600,
        "deployment_environment_variables": environment,
    }
