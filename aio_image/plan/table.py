"""Which files, settings and programs each step of a build depends on: the one place that says so.

A step's content key is made from exactly what stands here (`inputs.py` reads it), so a change
to one playbook runs the bake again and leaves the root as it is. Python code is not listed file
by file: ``code`` names the module that runs the step, and what that imports from the rooms in
``CODE_ROOMS`` counts too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

# Rooms whose code decides what is in an image. The others (host, execution, report, errors)
# say how programs are run and watched: a change there makes no other image.
CODE_ROOMS = ("dib", "sources", "stores", "systems", "bake", "deployers", "manifest")
# Modules of those rooms that only watch or carry: a change there makes no other image either.
CODE_APART = (
    "aio_image.dib.log",
    "aio_image.dib.inside",
    "aio_image.bake.inside",
    "aio_image.manifest.deliver",
)


@dataclass(frozen=True)
class StepRow:
    """One step.

    ``tree``: it keeps a root file system, laid over the trees of all steps before it. Every step
    reads those trees; ``needs`` names what else it reads. ``settings``: dotted keys of the resolved
    profile, which the step finds in ``step.settings`` under the same names. ``facts``: values
    worked out from the deployer's data (see ``build.py``), found there likewise. ``files``:
    globs below the project's data folders or the package. In both, ``{deployer}`` and
    ``{distribution}`` are filled in, ``{mirror}``, ``{element}`` (of its root) and
    ``{image_element}`` once for each that the distribution has. ``code``: the module that runs
    it. ``distributions``: Python packages whose version decides what comes out. ``covered``: only
    for scenarios that the deployer's tables cover. ``containers``: only for scenarios that have
    services in LXC containers (true) or that have none (false). ``carrying``: only where a profile
    carries services for later.
    ``aside``: laid over the trees of all steps before it, other such steps' too, and no part of
    what steps without this word are laid over: they read it only where ``needs`` says.
    """

    name: str
    title: str
    settings: tuple[str, ...]
    facts: tuple[str, ...]
    files: tuple[str, ...]
    code: str
    distributions: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    tree: bool = False
    covered: bool = False
    containers: bool | None = None
    carrying: bool = False
    aside: bool = False


_ROOT = StepRow(
    name="root",
    title="Install the operating system and its packages",
    settings=(
        "system.distribution",
        "system.release",
        "system.architecture",
        "mirrors.{mirror}",
    ),
    facts=("packages", "stand_in", "exclude"),
    files=(
        "elements/{element}/**",
        "aio_image/dib/block_device/tree.py",
        "aio_image/systems/{distribution}.yaml",
    ),
    code="aio_image.dib.root",
    distributions=("diskimage-builder",),
    tree=True,
)

_BAKE = StepRow(
    name="bake",
    title="Set up OpenStack inside the root",
    settings=("deployer", "level"),
    facts=("scenario", "services", "dormant"),
    files=(
        "playbooks/**",
        "cloud-init/**",
        "aio_image/appliance/**",
        "aio_image/deployers/{deployer}/recipe.yaml",
        "aio_image/deployers/{deployer}/recovery.yaml",
        # What of the rest is installed too: `shared` of appliance/install.yaml.
        "aio_image/__init__.py",
        "aio_image/errors.py",
        "aio_image/health/**",
        "aio_image/host/__init__.py",
        "aio_image/host/cancel.py",
        "aio_image/report/__init__.py",
        "aio_image/report/checks.py",
        "aio_image/report/events.py",
        "aio_image/report/lines.py",
        "aio_image/report/words.py",
        "aio_image/deployers/ports.yaml",
        "aio_image/deployers/{deployer}/services.yaml",
        "aio_image/deployers/{deployer}/secrets.yaml",
        "aio_image/deployers/{deployer}/settle.yaml",
    ),
    code="aio_image.bake.bake",
    distributions=("ansible-core",),
    tree=True,
)

_SEAL = StepRow(
    name="seal",
    title="Remove what two machines must not share",
    settings=("deployer", "level"),
    facts=("services", "dormant"),
    files=(
        "aio_image/deployers/{deployer}/secrets.yaml",
        "aio_image/bake/seal.yaml",
        "aio_image/bake/pristine.yaml",
    ),
    code="aio_image.bake.seal",
    tree=True,
)

_GATE = StepRow(
    name="gate",
    title="Boot a throw-away copy until it is healthy",
    settings=("deployer",),
    facts=("services", "dormant"),
    files=(
        "aio_image/bake/gate.yaml",
        "aio_image/bake/outside.py",
        "aio_image/deployers/ports.yaml",
    ),
    code="aio_image.bake.gate",
)

_IMAGE = StepRow(
    name="image",
    title="Write the disk image",
    settings=(
        "system.architecture",
        "image.size",
        "image.format",
        "image.compression",
        "image.filesystem",
        "image.label",
        "kernel.cmdline",
        "kernel.console",
    ),
    facts=("image_elements",),
    files=(
        "elements/{image_element}/**",
        "aio_image/dib/block_device/__init__.py",
        "aio_image/dib/block_device/esp.py",
        "aio_image/dib/block_device/partitioning.py",
    ),
    code="aio_image.dib.image",
    distributions=("diskimage-builder",),
    needs=("gate",),
)

_MANIFEST = StepRow(
    name="manifest",
    title="Write checksums and the manifest",
    settings=(
        "description",
        "deployer",
        "level",
        "system.distribution",
        "system.release",
        "system.architecture",
        "appliance.memory",
        "appliance.cpus",
        "test.memory",
        "test.cpus",
        "test.limits.healthy",
        "test.limits.check",
        "image.size",
    ),
    facts=("profile", "scenario", "services", "dormant"),
    files=(),
    code="aio_image.manifest.step",
    needs=("gate", "image"),
)

# What every run of OpenStack-Ansible's own programs in a container depends on.
_REACHED = (
    "system.distribution",
    "system.release",
    "system.architecture",
    "mirrors.{mirror}",
)
_DEPLOYING = ("aio_image/deployers/openstack_ansible/deploy.yaml",)
_CONTAINERS = ("aio_image/deployers/openstack_ansible/containers.yaml",)
_HOMES = ("aio_image/deployers/openstack_ansible/homes.yaml",)
_ADDITIONS = ("aio_image/deployers/openstack_ansible/additions.yaml",)
_ORDERS = ("aio_image/deployers/openstack_ansible/orders.yaml",)
_STAGING = ("aio_image/deployers/openstack_ansible/staged.yaml",)
_STAGED_CONTAINERS = ("aio_image/deployers/openstack_ansible/staged_containers.yaml",)


def _playbook(name: str) -> StepRow:
    """A step that runs the playbook openstack.osa.<name>."""
    return StepRow(
        name=name,
        title=f"Run the playbook {name}",
        settings=_REACHED,
        facts=(),
        files=_DEPLOYING,
        code="aio_image.bake.osa.playbooks",
        tree=True,
    )


_SOURCES = StepRow(
    name="sources",
    title="Put the git repositories in place",
    settings=(),
    facts=("lock",),
    files=(),
    code="aio_image.bake.osa.sources",
    tree=True,
)
_RUNTIME = StepRow(
    name="runtime",
    title="Run bootstrap-ansible.sh: Ansible, roles and collections",
    settings=_REACHED,
    facts=("lock",),
    files=(*_DEPLOYING, *_STAGING),
    code="aio_image.bake.osa.runtime",
    tree=True,
)
_BOOTSTRAP = StepRow(
    name="bootstrap",
    title="Run bootstrap-aio.sh",
    settings=("deployer", *_REACHED),
    facts=("lock", "scenario"),
    files=_DEPLOYING,
    code="aio_image.bake.osa.bootstrap",
    tree=True,
    containers=False,
)
_BOOTSTRAPS = (
    _BOOTSTRAP,
    replace(
        _BOOTSTRAP,
        files=(*_DEPLOYING, *_CONTAINERS),
        code="aio_image.bake.osa.containers",
        containers=True,
    ),
)
_PLAYBOOKS = tuple(
    _playbook(name) for name in ("setup_hosts", "setup_infrastructure", "setup_openstack")
)
# A staged image deploys itself at its first boot: these are run to know what that takes.
_TRIED = tuple(replace(row, aside=True) for row in (*_BOOTSTRAPS, *_PLAYBOOKS))
_STORES = StepRow(
    name="stores",
    title="Collect every package and wheel that the playbooks install",
    settings=_REACHED,
    facts=(),
    files=_STAGING,
    code="aio_image.bake.osa.stores",
    aside=True,
    containers=False,
)
# The same where services are in containers, as of `bootstrap`: others depend on none of this.
_BOTH_STORES = (
    _STORES,
    replace(_STORES, code="aio_image.bake.osa.container_stores", containers=True),
)
_STAGE = StepRow(
    name="stage",
    title="Put in place what a first boot deploys itself from",
    settings=("deployer",),
    facts=("lock", "scenario", "services"),
    files=(*_DEPLOYING, *_STAGING, *_ORDERS, *_ADDITIONS),
    code="aio_image.bake.osa.stage",
    needs=("stores", *(row.name for row in _PLAYBOOKS)),
    tree=True,
    containers=False,
)
_STAGES = (
    _STAGE,
    replace(
        _STAGE,
        files=(*_STAGE.files, *_CONTAINERS, *_HOMES, *_STAGED_CONTAINERS),
        code="aio_image.bake.osa.container_stage",
        containers=True,
    ),
)
_ADDED = StepRow(
    name="additions",
    title="Add the services that are carried for later, and collect what that takes",
    settings=_REACHED,
    facts=("additions", "addition_sources"),
    files=(
        *_DEPLOYING,
        *_STAGING,
        *_ADDITIONS,
        # How an appliance puts a service into conf.d.
        "aio_image/appliance/deploying/additions.py",
    ),
    code="aio_image.bake.osa.adding",
    aside=True,
    covered=True,
    carrying=True,
)
# After the bake, which it leaves as it is.
_CARRY = StepRow(
    name="carry",
    title="Put in place what services are added from later",
    settings=(),
    facts=("additions", "addition_sources", "services"),
    files=(*_STAGING, *_ADDITIONS),
    code="aio_image.bake.osa.carry",
    needs=("additions",),
    tree=True,
    covered=True,
    carrying=True,
)
# What it has not set up itself: the appliance's own.
_OSA_BAKE = replace(
    _BAKE,
    title="Make an appliance of the deployed tree",
    files=(*_BAKE.files, *_DEPLOYING, *_ADDITIONS, *_HOMES),
    code="aio_image.bake.osa.bake",
    covered=True,
)
# The same of a tree that its first boot deploys.
_STAGED_BAKE = replace(
    _OSA_BAKE,
    title="Make an appliance of what a first boot deploys",
    files=(*_OSA_BAKE.files, *_ORDERS),
    code="aio_image.bake.osa.staged_bake",
    containers=False,
)
_STAGED_BAKES = (
    _STAGED_BAKE,
    replace(
        _STAGED_BAKE,
        code="aio_image.bake.osa.container_bake",
        needs=("stores",),
        containers=True,
    ),
)
# What makes an image of an appliance's tree, whoever deployed it.
_FROM_TREE = (_SEAL, _GATE, _IMAGE, _MANIFEST)
# By deployer and level: the steps of a build, in the order they run.
STEPS: Mapping[tuple[str, str], tuple[StepRow, ...]] = {
    ("debian", "deployed"): (_ROOT, _BAKE, *_FROM_TREE),
    ("openstack-ansible", "deployed"): (
        *(_ROOT, _SOURCES, _RUNTIME, *_BOOTSTRAPS, *_PLAYBOOKS, _ADDED, _OSA_BAKE, _CARRY),
        *(replace(row, covered=True) for row in _FROM_TREE),
    ),
    # Without a gate: a first boot takes as long as all playbooks do, which the build has just run.
    ("openstack-ansible", "staged"): (
        *(_ROOT, _SOURCES, _RUNTIME, *_TRIED, *_BOTH_STORES, *_STAGES, *_STAGED_BAKES),
        replace(_SEAL, covered=True),
        replace(_IMAGE, covered=True, needs=()),
        replace(_MANIFEST, covered=True, needs=("image",)),
    ),
}

# Every name there is, for command lines; a plan has those of its deployer.
STEP_NAMES = tuple(dict.fromkeys(row.name for rows in STEPS.values() for row in rows))
