"""The step ``sources``: the repositories of the lock, put where OpenStack-Ansible finds them.

- ``/opt/aio/git/<host>/<path>.git``: shallow copies, which git is told of in /etc/gitconfig
  (``url.<base>.insteadOf``), so that all requirement strings stay as upstream writes them and
  the appliance asks no git host for anything.
- ``/opt/aio/git/template``: what git makes new repositories of when services are installed
  (``shallow``), so that what it fetches there has tags.
- ``/opt/openstack-ansible``: the release, checked out, with the tags its version is made of.
- ``/etc/openstack_deploy/user-role-requirements.yml`` and ``user-collection-requirements.yml``:
  OpenStack-Ansible's own way to say which commits are taken instead of those it names.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from aio_image.bake.inside import run_inside
from aio_image.bake.osa.files import inside, write
from aio_image.bake.osa.shallow import template
from aio_image.errors import BuildError
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.host.process import run as run_program
from aio_image.sources.git.client import Git
from aio_image.sources.git.mirrors import GitMirrors
from aio_image.sources.git.pins import LeftOut, Lock, Pin, parse

GIT = "/opt/aio/git"
TEMPLATE = f"{GIT}/template"
CLONE = "/opt/openstack-ansible"
DEPLOY = "/etc/openstack_deploy"
ROLES = "/etc/ansible/roles"
_GIT_OF_TREE = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}


def run(ctx: StepContext) -> None:
    """Keeps ``tree/``: the git repositories and the checkout, on top of the root.

    Settings: ``lock`` (the lines of a lock file). Raises BuildError when a copy that the lock names
    is not in the store.
    """
    run_inside(sources, ctx)


def sources(ctx: StepContext) -> None:
    """The body of the step; must be in a private mount namespace."""
    lock = parse("\n".join(ctx.step.settings["lock"]))
    store = Git(ctx.home.downloads / "git", GitMirrors({}))
    check(lock.sources, store)
    with trees.writable(ctx.layers, ctx.output, ctx.work) as root:
        for number, pin in enumerate(lock.sources):
            ctx.progress(f"{pin.kind} {pin.name}", number / len(lock.sources))
            copy(store, pin, root)
        template(root, GIT, TEMPLATE)
        write(root, "/etc/gitconfig", gitconfig(lock))
        ctx.progress("check out the release", 0.97)
        _check_out(lock, root)
        for name, content in (
            ("role", role_requirements(lock)),
            ("collection", collection_requirements(lock)),
        ):
            write(root, f"{DEPLOY}/user-{name}-requirements.yml", _yaml(content))
        for one in lock.left_out:
            if one.kind == "role":
                _stand_in(one, root)


def gitconfig(lock: Lock) -> str:
    """The image's /etc/gitconfig: every git host of the lock is the folder in the image."""
    hosts = sorted({pin.url.removeprefix("https://").partition("/")[0] for pin in lock.sources})
    return GitMirrors({host: f"file://{GIT}/{host}" for host in hosts}).config()


def role_requirements(lock: Lock) -> list[dict[str, str]]:
    """Every role at its commit of the lock; one without ``src`` is not fetched at all.

    All are named, not only those that differ: upstream's rows ask for commits since a day, and a
    copy that has nothing so new answers that with an error.
    """
    rows = [
        {"name": pin.name, "scm": "git", "src": pin.url, "version": pin.commit}
        for pin in lock.of_kind("role")
    ]
    return rows + [{"name": one.name} for one in lock.left_out if one.kind == "role"]


def collection_requirements(lock: Lock) -> dict[str, list[dict[str, str]]]:
    """Every collection at its commit, those too that Galaxy would serve as dependencies."""
    return {
        "collections": [
            {"name": pin.name, "source": pin.url, "type": "git", "version": pin.commit}
            for pin in lock.of_kind("collection")
        ]
    }


def check(pins: Iterable[Pin], store: Git) -> None:
    """Raises BuildError when the copies of ``pins`` are not all in ``store``."""
    missing = [pin for pin in pins if not store.has(pin.url, pin.commit)]
    if missing:
        raise BuildError(
            f"{len(missing)} sources of the lock are not in {store.store}",
            details=[f"{pin.kind} {pin.name}: {pin.url} {pin.commit}" for pin in missing],
            hint="`aio-image lock PROFILE` fetches them (a lock file made elsewhere has to be "
            "made here as well)",
        )


def copy(store: Git, pin: Pin, root: Path) -> None:
    """Have the repository in the tree ``root``: the pinned commit alone, and tags to count from."""
    source = store.copy_of(pin.url)
    target = inside(root, GIT) / source.relative_to(store.store)
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("hooks"))
    # What is cloned without a branch named gets HEAD, which must be there.
    (target / "HEAD").write_text(f"ref: refs/heads/aio/{pin.commit}\n", encoding="utf-8")


def _check_out(lock: Lock, root: Path) -> None:
    (pin,) = lock.of_kind("deployer")
    clone = inside(root, CLONE)
    copy = inside(root, GIT) / f"{pin.url.removeprefix('https://')}.git"
    git = ["git", "-c", "safe.directory=*"]
    clone.parent.mkdir(parents=True, exist_ok=True)
    run_program(
        [*git, "clone", "--quiet", "--no-checkout", f"file://{copy}", clone], env=_GIT_OF_TREE
    )
    here = [*git, "-C", str(clone)]
    run_program([*here, "checkout", "--quiet", "--detach", pin.commit], env=_GIT_OF_TREE)
    run_program([*here, "remote", "set-url", "origin", pin.url], env=_GIT_OF_TREE)
    described = run_program([*here, "describe", "--tags"], env=_GIT_OF_TREE).output.strip()
    if described != pin.version:
        raise BuildError(
            f"{CLONE} describes itself as {described or 'nothing'}, not as {pin.version}",
            hint="`aio-image lock PROFILE` makes the lock and its copies anew",
        )


def _stand_in(one: LeftOut, root: Path) -> None:
    """A role that does nothing but say so, since the playbooks import every role there is."""
    message = f"{one.name} was left out of this image ({one.url} was not to be had)"
    task = {"name": f"No {one.name} here", "ansible.builtin.fail": {"msg": message}}
    write(root, f"{ROLES}/{one.name}/tasks/main.yml", _yaml([task]))


def _yaml(content: list[dict[str, Any]] | Mapping[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False, explicit_start=True)
