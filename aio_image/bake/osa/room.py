"""The booted container that OpenStack-Ansible's own programs run in, and how they are run there."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aio_image.bake import nspawn
from aio_image.bake.lent import lent
from aio_image.bake.nspawn import Container
from aio_image.bake.osa.files import inside, write
from aio_image.bake.osa.idle import idle
from aio_image.deployers.openstack_ansible.deploying import deployment
from aio_image.errors import HostError
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.host.process import follow
from aio_image.host.uplink import uplink
from aio_image.sources.debian_mirror import DebianMirror
from aio_image.sources.mirrors import choose
from aio_image.sources.python_index import host_index
from aio_image.systems import load

_STAND_INS = "/usr/local/sbin"
# What does not stop when it is told to has a minute and a half from systemd.
_STOP_SECONDS = 300
# Beside other work of the build host: half a minute, on a free one.
_START_SECONDS = 900


@dataclass(frozen=True)
class Room:
    """``root`` is the tree, as seen from outside; ``environment`` what programs inside are told."""

    container: Container
    root: Path
    environment: Mapping[str, str]

    def run(
        self,
        argv: Sequence[str],
        on_line: Callable[[str], None],
        *,
        folder: str = "/root",
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """Run ``argv`` inside, in ``folder``; each line it says goes to ``on_line``. Its status."""
        enter = self.container.enter({**self.environment, **(environment or {})})
        command = f"cd {shlex.quote(folder)} && exec {shlex.join(argv)}"
        return follow([*enter, "bash", "-c", command], on_line)


@contextmanager
def entered(ctx: StepContext) -> Iterator[Room]:
    """The trees before the step, booted with what the build host lends; keeps what changed.

    Settings: ``system.distribution``, ``system.release``, ``system.architecture`` and
    ``mirrors.<distribution>``. Raises HostError for a distribution without apt. Be in private
    mount and pid namespaces.
    """
    settings = ctx.step.settings
    mirror = _mirror(settings)
    with ExitStack() as stack:
        root = stack.enter_context(trees.writable(ctx.layers, ctx.output, ctx.work))
        stack.enter_context(_stand_ins(root))
        stack.enter_context(idle(root))
        ctx.progress("Boot the tree in systemd-nspawn", 0.0)
        container = stack.enter_context(
            nspawn.booted(
                root,
                console=ctx.log.with_suffix(".console.log"),
                target="multi-user.target",
                mask=nspawn.FIRST_BOOT,
                hostname="aio1",
                own_network_settings=True,
                start_seconds=_START_SECONDS,
                stop_seconds=_STOP_SECONDS,
            )
        )
        with uplink(container.leader, ctx.work), lent(container, mirror, host_index()) as had:
            _addresses(container)
            yield Room(container, root, had.environment)
        ctx.progress("Stop everything in good order", 1.0)


def _mirror(settings: Mapping[str, Any]) -> DebianMirror:
    system = load(settings["system.distribution"])
    named = settings.get(f"mirrors.{system.name}")
    release = system.releases[settings["system.release"]]
    mirror = choose(system, release, named, settings["system.architecture"])
    if not isinstance(mirror, DebianMirror):
        raise HostError(
            f"OpenStack-Ansible is not deployed on {system.title} here yet: a container cannot "
            "be told of dnf's mirrors",
            hint="profiles of Debian can be built",
        )
    return mirror


def _addresses(container: Container) -> None:
    """Those of the cloud itself: its bridges never get theirs here, and what binds to them waits.

    They are bridges of dummy devices, which a build host's kernel may not have: without a carrier
    networkd gives them no address.
    """
    for address in deployment().addresses.values():
        container.run(["ip", "address", "add", f"{address}/32", "dev", "lo"])
    # What has tried to bind to them at the start, and given up, is started again.
    container.run(["systemctl", "reset-failed"], check=False, timeout=60)
    container.run(["systemctl", "start", "multi-user.target"], check=False, timeout=_START_SECONDS)


@contextmanager
def _stand_ins(root: Path) -> Iterator[None]:
    """Programs of deploy.yaml before the real ones, in the tree for as long as the block runs."""
    programs = {f"{_STAND_INS}/{name}": text for name, text in deployment().stand_ins.items()}
    for path, text in programs.items():
        write(root, path, text, 0o755)
    try:
        yield
    finally:
        for path in programs:
            inside(root, path).unlink(missing_ok=True)
