"""From a settled profile to its plan: each step with its settings, inputs and content key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from itertools import product
from typing import Any

from aio_image import deployers, systems
from aio_image.deployers.openstack_ansible import additions, locking
from aio_image.errors import ProfileError, UsageError
from aio_image.plan.inputs import code_inputs, file_inputs, version_input
from aio_image.plan.model import Input, Plan, Step, step_key
from aio_image.plan.table import STEPS, StepRow
from aio_image.profile.load import LoadedProfile
from aio_image.sources.git import pins
from aio_image.systems import families


def make_plan(loaded: LoadedProfile, *, gate: bool = True) -> Plan:
    """The frozen steps of ``loaded``, in the order they run. Reads files, changes nothing.

    Without ``gate`` the plan has no such step; its image then has another key, so that one which
    was never booted is not taken for one that was. Raises UsageError for a deployer and level
    without steps, ProfileError where a lock is needed and is not there.
    """
    profile = loaded.profile
    steps_of = STEPS.get((profile.deployer, profile.level))
    if steps_of is None:
        raise UsageError(
            f"profile {loaded.name}: this version has no build steps for the deployer "
            f"{profile.deployer} at the level {profile.level}",
            hint="it has: " + ", ".join(" ".join(known) for known in STEPS),
        )
    covered = _covered(loaded)
    carrying = bool(_carried(loaded))
    rows = [
        row
        for row in steps_of
        if (gate or row.name != "gate")
        and (covered or not row.covered)
        and row.containers in (None, loaded.in_containers)
        and (carrying or not row.carrying)
    ]
    keys: dict[str, str] = {}
    steps: list[Step] = []
    image: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    for row in rows:
        layers = (*image, *tried) if row.aside else image
        more = (name for name in row.needs if name in keys and name not in layers)
        needs = (*layers, *more)
        settings = {name: loaded.setting(name) for name in _filled(row.settings, loaded)}
        settings |= {name: _FACTS[name](loaded) for name in row.facts}
        inputs = _inputs(row, loaded)
        key = step_key(row.name, settings, inputs, tuple(keys[name] for name in needs))
        keys[row.name] = key
        steps.append(Step(row.name, row.title, needs, settings, inputs, key, row.code, layers))
        if row.tree and row.aside:
            tried += (row.name,)
        elif row.tree:
            image += (row.name,)
    return Plan(loaded.name, tuple(steps), loaded.needs)


def _inputs(row: StepRow, loaded: LoadedProfile) -> tuple[Input, ...]:
    found = file_inputs(_filled(row.files, loaded))
    found |= code_inputs(row.code)
    versions = (version_input(name) for name in row.distributions)
    found |= {version.label: version for version in versions}
    return tuple(found[label] for label in sorted(found))


def _filled(patterns: Iterable[str], loaded: LoadedProfile) -> Iterator[str]:
    """A row's ``patterns`` with their blanks filled in: one for each mirror and element."""
    system = systems.load(loaded.profile.system.distribution)
    one = {"deployer": deployers.folder(loaded.profile.deployer), "distribution": system.name}
    several = {
        "mirror": system.mirrors,
        "element": system.elements,
        "image_element": tuple(_image_elements(loaded)),
    }
    for pattern in patterns:
        named = [blank for blank in several if f"{{{blank}}}" in pattern]
        for chosen in product(*(several[blank] for blank in named)):
            yield pattern.format(**one, **dict(zip(named, chosen, strict=True)))


def _image_elements(loaded: LoadedProfile) -> list[str]:
    system = systems.load(loaded.profile.system.distribution)
    return list(families.image_elements(system.family))


def _covered(loaded: LoadedProfile) -> bool:
    deployer = loaded.profile.deployer
    if deployer not in deployers.names():
        return False
    return deployers.load(deployer).covers(loaded.scenario.expanded)


def _carried(loaded: LoadedProfile) -> list[str]:
    """What is carried for later, and has not been left out of the lock.

    Raises ProfileError where the lock has not all of its sources.
    """
    if loaded.profile.deployer != locking.NAME or not loaded.additions:
        return []
    lock = pins.read(loaded.lock_path)
    there = {pin.url for pin in lock.sources}
    left = {one.url for one in lock.left_out}
    known = additions.additions()
    rows = [known[name] for name in loaded.additions if not left & set(known[name].sources)]
    missing = [f"{row.name}: {url}" for row in rows for url in row.sources if url not in there]
    if missing:
        raise ProfileError(
            f"{loaded.lock_path}: has no sources of what openstack_ansible.additions carries",
            details=missing,
            hint=f"`aio-image lock {loaded.name}` fetches them; "
            "`--set openstack_ansible.additions=[]` does without",
        )
    return [row.name for row in rows]


def _locked(loaded: LoadedProfile, *, later: bool) -> pins.Lock:
    """The lock without what is carried for later, or with nothing else: deploying reads no such."""
    lock = pins.read(loaded.lock_path)
    return replace(
        lock,
        sources=tuple(p for p in lock.sources if (p.kind == additions.KIND) == later),
        left_out=tuple(o for o in lock.left_out if (o.kind == additions.KIND) == later),
    )


def _dormant(loaded: LoadedProfile) -> tuple[str, ...]:
    deployer = loaded.profile.deployer
    if deployer not in deployers.names():
        return ()
    return deployers.load(deployer).dormant_of(loaded.services)


def _table(loaded: LoadedProfile) -> deployers.Packages:
    """The deployer's packages; of one that installs them itself, what its system needs to boot."""
    known = deployers.packages(loaded.profile.deployer)
    if known is not None:
        return known
    asked = loaded.profile.system
    return deployers.Packages(systems.load(asked.distribution).packages_of(asked.release))


def _packages(loaded: LoadedProfile) -> list[str]:
    installed = (*loaded.services, *_dormant(loaded))
    return sorted({*_table(loaded).of(installed), *loaded.profile.packages.extra})


# What a row's ``facts`` names, each worked out only where a row asks for it.
_FACTS: Mapping[str, Callable[[LoadedProfile], Any]] = {
    "profile": lambda loaded: loaded.name,
    "scenario": lambda loaded: loaded.scenario.text,
    "services": lambda loaded: list(loaded.services),
    "dormant": lambda loaded: list(_dormant(loaded)),
    "packages": _packages,
    "stand_in": lambda loaded: sorted(_table(loaded).stand_in),
    "exclude": lambda loaded: list(_table(loaded).exclude),
    "image_elements": _image_elements,
    # By lines, so that `aio-image plan` can say which of them changed.
    "lock": lambda loaded: _locked(loaded, later=False).text().splitlines(),
    "additions": _carried,
    "addition_sources": lambda loaded: [asdict(p) for p in _locked(loaded, later=True).sources],
}
