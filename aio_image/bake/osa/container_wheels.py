"""Wheels of what is in containers, each built where it was: there are the libraries it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aio_image.appliance import units
from aio_image.bake.osa.room import Room
from aio_image.errors import BuildError
from aio_image.stores.freeze import Frozen
from aio_image.stores.wheels import Pip

# As in `stores`, for the same reasons; nothing there changes for containers.
_PYTHON = "/opt/ansible-runtime/bin/python"
_GIT = {"GIT_NO_LAZY_FETCH": "1"}
# Beside a build's other work it takes a minute until all of them run.
_SECONDS = 600
_ROUTED = """\
for try in $(seq 120); do
    [ -z "$(ip -4 route show default)" ] || exit 0
    sleep 1
done
exit 1
"""


@dataclass(frozen=True)
class Homes(Pip):
    """Asks for each requirement the pip of ``homes``, and where there is none its own."""

    homes: Mapping[str, Pip] = field(default_factory=dict)

    def wheel(self, requirements: Sequence[str]) -> Iterator[Path]:
        """As of Pip, one pip after another."""
        own = [one for one in requirements if one not in self.homes]
        if own:
            yield from super().wheel(own)
        told: dict[Pip, list[str]] = {}
        for one in requirements:
            if one in self.homes:
                told.setdefault(self.homes[one], []).append(one)
        for pip, asked in told.items():
            yield from pip.wheel(asked)


@dataclass(frozen=True)
class Environment:
    """A virtualenv and what it holds. ``container`` is "" for the host's; ``place`` is as the host
    spells it, ``path`` as it is seen where it is.
    """

    container: str
    place: str
    path: str
    held: tuple[Frozen, ...]


def pip_of(room: Room, environments: Iterable[Environment]) -> Homes:
    """The pip for all that ``environments`` hold, in the booted ``room``.

    What the host has is built there, the rest in the first container that has it, by pip of the
    virtualenv. Raises BuildError for a container that does not run or has no way out.
    """
    words = room.container.enter({**room.environment, **_GIT})
    homes: dict[str, Pip] = {}
    there: set[str] = set()
    rows = sorted(environments, key=lambda one: one.container)
    for one in rows:
        if not one.container:
            there |= {each.requirement for each in one.held}
            continue
        if "pip" not in {each.name for each in one.held}:
            continue
        _reaches_out(room, one.container)
        root = room.root / one.place.removesuffix(one.path).lstrip("/")
        python = units.inside(one.container, [f"{one.path}/bin/python"])
        pip = Pip((*words, *python), root=root)
        for each in one.held:
            homes.setdefault(each.requirement, pip)
    kept = {name: pip for name, pip in homes.items() if name not in there}
    return Homes((*words, _PYTHON), root=room.root, homes=kept)


def _reaches_out(room: Room, name: str) -> None:
    waits = (
        ["lxc-wait", "--name", name, "--state", "RUNNING", "--timeout", "120"],
        units.inside(name, ["sh", "-c", _ROUTED]),
    )
    for command in waits:
        done = room.container.run(command, check=False, timeout=_SECONDS)
        if done.status:
            said = (done.errors or done.output).strip().splitlines()
            raise BuildError(
                f"the container {name} does not run, or has no way out",
                hint="its system's journal is in the tree: lxc-attach is how the step asks it",
                details=[f"{' '.join(command[:4])}: status {done.status}", *said[-5:]],
            )
