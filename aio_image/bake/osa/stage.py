"""The step ``stage``: what a first boot without a network deploys OpenStack from, in its place."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

import aio_image.appliance
from aio_image.bake.inside import run_inside
from aio_image.bake.osa import additions
from aio_image.bake.osa.sources import DEPLOY
from aio_image.bake.osa.stores import APT, WHEELS
from aio_image.deployers.openstack_ansible.deploying import deployment
from aio_image.deployers.openstack_ansible.staging import staging
from aio_image.errors import BuildError
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.stores.apt import sources as apt_sources

_ORDERS = "/usr/share/aio/deploy.json"
_VARIABLES = f"{DEPLOY}/user_zz_aio_staged.yml"
_SOURCES = "/etc/apt/sources.list.d/aio.sources"
_UNIT = "aio-deploy.service"
_UNITS = "/usr/lib/systemd/system"
_WANTS = "/etc/systemd/system/multi-user.target.wants"
_CODE = "/usr/lib/python3/dist-packages/aio_appliance"


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: stores, variables, orders, and the unit that carries them out.

    Settings: ``scenario``. Reads of ``stores`` its sets, of each playbook its ``playbook.json``.
    """
    run_inside(stage, ctx)


def stage(ctx: StepContext) -> None:
    """The body of the step; must be in a private mount namespace."""
    with trees.writable(ctx.layers, ctx.output, ctx.work) as root:
        for name in (APT, WHEELS):
            ctx.progress(f"{name} into {staging().places[name]}")
            target = _in(root, staging().places[name])
            shutil.copytree(ctx.inputs["stores"] / name, target)
        _write(root, _SOURCES, apt_sources(Path(staging().places[APT])))
        for path in staging().asleep:
            put_to_sleep(_in(root, path))
        _write(root, _VARIABLES, yaml.safe_dump(staging().kept(), width=1000))
        orders = staging().orders(ctx.step.settings["scenario"], counts(ctx))
        _write(root, _ORDERS, json.dumps(orders, indent=1) + "\n")
        additions.write(root, staging().environment)
        install(root)


def counts(ctx: StepContext) -> dict[str, dict[str, int]]:
    """Playbook → plays and tasks as this build saw them, in deploy.yaml's order."""
    found: dict[str, dict[str, int]] = {}
    for name in deployment().after:
        path = ctx.inputs[name] / "playbook.json"
        try:
            about: dict[str, Any] = json.loads(path.read_text("utf-8"))
            found[name] = {word: int(about[word]) for word in ("plays", "tasks")}
        except (OSError, ValueError, KeyError) as error:
            raise BuildError(f"{path}: {error}", hint=f"build again with --from {name}") from error
    return found


def put_to_sleep(path: Path) -> None:
    """Have apt not ask a ``.sources`` file: ``Enabled: no`` in each stanza (sources.list(5))."""
    if not path.is_file():
        return
    text = re.sub(r"^Enabled:.*\n", "", path.read_text("utf-8"), flags=re.MULTILINE)
    path.write_text(re.sub(r"^(?=Types:)", "Enabled: no\n", text, flags=re.MULTILINE), "utf-8")


def install(root: Path) -> None:
    """The appliance's code, and the unit, started by multi-user.target."""
    source = Path(aio_image.appliance.__file__).parent
    target = _in(root, _CODE)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("files", "__pycache__", "*.yaml"))
    program = _in(root, "/usr/bin/aio")
    program.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / "files/aio", program)
    program.chmod(0o755)
    _write(root, f"{_UNITS}/{_UNIT}", (source / "files/units" / _UNIT).read_text("utf-8"))
    link = _in(root, f"{_WANTS}/{_UNIT}")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(f"{_UNITS}/{_UNIT}")


def _in(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _write(root: Path, path: str, text: str) -> None:
    place = _in(root, path)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")
    place.chmod(0o644)
