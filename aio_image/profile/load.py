"""From the name of a profile to its settled, checked values and where each came from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from aio_image import deployers, systems
from aio_image.deployers.openstack_ansible.additions import additions
from aio_image.errors import ProfileError, UsageError
from aio_image.profile import ability, messages
from aio_image.profile.document import Node
from aio_image.profile.layers import Layered, is_path, load_layers, override, shipped
from aio_image.profile.problems import Origin, Problem, meant, shown
from aio_image.profile.scenario import Scenario, read_scenario
from aio_image.profile.schema import Profile, section_of

# The deployer that services can be added by later.
_ADDING = "openstack-ansible"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Value:
    """One settled value: its dotted key, what the file says, and where."""

    key: str
    written: Any
    origin: Origin


@dataclass(frozen=True)
class LoadedProfile:
    """A profile that may be built. ``files`` are all it was read from, its own last.

    ``proven`` is its file's word for how far it has been (the schema's words).
    """

    name: str
    path: Path
    files: tuple[Path, ...]
    profile: Profile
    scenario: Scenario
    values: tuple[Value, ...]
    proven: str

    @property
    def services(self) -> tuple[str, ...]:
        """What the deployer sets up for the scenario, in start order where it has a table of it."""
        if self.profile.deployer not in deployers.names():
            return self.scenario.services
        return deployers.load(self.profile.deployer).services_of(self.scenario.expanded)

    @property
    def additions(self) -> tuple[str, ...]:
        """Services that are carried for later, sorted, without those that the scenario has."""
        asked = self.profile.openstack_ansible.additions
        return tuple(sorted(set(asked) - set(self.scenario.expanded)))

    @property
    def in_containers(self) -> bool:
        """Whether the scenario has its services in containers of LXC."""
        return "lxc" in self.scenario.expanded

    @property
    def needs(self) -> deployers.HostNeeds:
        """What a build of it takes of its host."""
        return deployers.host_needs(self.profile.deployer, containers=self.in_containers)

    @property
    def lock_path(self) -> Path:
        """Where the lock of its git sources is: what it says, else beside whoever calls."""
        return Path(self.profile.openstack_ansible.lock or f"{self.name}.lock.yaml")

    def setting(self, key: str) -> Any:
        """The settled value of a dotted key in JSON types (sizes in bytes, times in seconds)."""
        found: Any = self.profile
        for part in key.split("."):
            found = getattr(found, part)
        if isinstance(found, BaseModel):
            return found.model_dump(mode="json")
        return list(found) if isinstance(found, tuple) else found


@dataclass(frozen=True)
class Listed:
    """A shipped profile, for a list of them."""

    name: str
    description: str
    path: Path
    proven: str


def find_profile(name: str) -> Path:
    """The file of ``name``, a path or a shipped profile. UsageError when there is none."""
    if is_path(name):
        path = Path(name)
        if path.is_file():
            return path.resolve()
        what = "is a folder, not a file" if path.is_dir() else "no such file"
        raise UsageError(f"{name}: {what}", hint="`aio-image profiles` lists the names")
    known = shipped()
    if name in known:
        return known[name].resolve()
    beside = Path(f"{name}.yaml")
    if beside.is_file():
        hint = f"for the file in this folder say ./{beside}"
    else:
        hint = f"there are: {', '.join(each.name for each in list_profiles())}"
    raise UsageError(f"no profile '{name}'{meant(name, known)}", hint=hint)


def list_profiles() -> list[Listed]:
    """Every shipped profile that can be built."""
    found = []
    for name, path in shipped().items():
        layered = load_layers(path.resolve())
        if not layered.abstract:
            description = layered.root.find(("description",)).value
            text = description if isinstance(description, str) else ""
            found.append(Listed(name, text, path, layered.proven))
    return found


def load_profile(name: str, settings: Sequence[str] = ()) -> LoadedProfile:
    """Load ``name`` (of a shipped profile, or a path) with ``key=value`` settings laid over it.

    Raises ProfileError with one line per problem, all of them at once, and UsageError when
    there is no such profile.
    """
    path = find_profile(name)
    layered = load_layers(path)
    if layered.abstract and not layered.problems:
        raise UsageError(
            f"profile '{path.stem}' is only there to be extended",
            hint=f"write a file with `extends: {path.stem}` and the keys it leaves open",
        )
    override(layered, settings)
    problems = list(layered.problems)
    if not _NAME.fullmatch(path.stem):
        message = "names the profile after its file: letters, digits, '.', '_' and '-' only"
        problems.append(Problem(Origin(shown(path)), "", message))
    profile = _check_values(layered, problems)
    scenario = _check_scenario(layered, problems)
    _check_system(layered, problems)
    _check_additions(layered, scenario, problems)
    if problems or profile is None or scenario is None:
        unique = sorted(set(problems), key=_in_reading_order)
        count = f"{len(unique)} problem{'s' if len(unique) > 1 else ''}"
        raise ProfileError(f"{shown(path)}: {count}", details=[str(each) for each in unique])
    values = tuple(_values(layered.root, Profile, ""))
    return LoadedProfile(path.stem, path, layered.files, profile, scenario, values, layered.proven)


def _in_reading_order(problem: Problem) -> tuple[bool, Origin, str, str]:
    # What is missing has no line and comes after what is written down.
    return (problem.origin.line == 0, problem.origin, problem.key, problem.message)


def _values(node: Node, model: type[BaseModel], above: str) -> Iterator[Value]:
    """Every settled value, in the schema's order."""
    assert isinstance(node.value, dict)
    for name in model.model_fields:
        child, key = node.value[name], f"{above}{name}"
        section = section_of(model, name)
        if section:
            yield from _values(child, section, f"{key}.")
        else:
            yield Value(key, child.plain(), child.origin)


def _check_values(layered: Layered, problems: list[Problem]) -> Profile | None:
    try:
        return Profile.model_validate(layered.root.plain())
    except ValidationError as error:
        known_wrong = {(each.origin, each.key) for each in problems}
        for found in error.errors(include_url=False):
            path = tuple(found["loc"])
            problem = _problem(layered, path, found)
            missing = found["type"] == "missing"
            # With a parent gone, everything it would have given is missing: say the cause only.
            if missing and (layered.broken_parents or not layered.root.value):
                continue
            if (problem.origin, problem.key) not in known_wrong:
                problems.append(problem)
    if layered.root.value == {} and not problems:
        message = "is empty: begin with `extends: debian-aio`"
        problems.append(Problem(Origin(shown(layered.path)), "", message))
    return None


def _problem(layered: Layered, path: tuple[int | str, ...], found: Mapping[str, Any]) -> Problem:
    key = messages.dotted(path)
    if found["type"] == "missing":
        message = "is missing: set it, or begin with `extends: base`"
        return Problem(Origin(shown(layered.path)), key, message)
    origin = layered.root.find(path).origin
    return Problem(origin, key, messages.message(path, found))


def _check_scenario(layered: Layered, problems: list[Problem]) -> Scenario | None:
    """Check what depends on the deployer: scenario words."""
    root = layered.root
    deployer = root.find(("deployer",)).value
    able = ability.of(deployer) if isinstance(deployer, str) else None
    scenario = root.find(("scenario",))
    if not isinstance(scenario.value, str):
        return None
    checked, wrong = read_scenario(scenario.value, able)
    problems += [Problem(scenario.origin, "scenario", message) for message in wrong]
    return checked


def _check_system(layered: Layered, problems: list[Problem]) -> None:
    """Check that there is data of the system, and that the deployer supports it."""
    root = layered.root
    name, release, deployer, version = (
        root.find(path)
        for path in (
            ("system", "distribution"),
            ("system", "release"),
            ("deployer",),
            ("openstack_ansible", "release"),
        )
    )
    if name.value not in systems.names() or not isinstance(release.value, str):
        return
    system = systems.load(str(name.value))
    if release.value not in system.releases:
        message = (
            f"{system.title} '{release.value}' is not known; there is {', '.join(system.releases)}"
        )
        problems.append(Problem(release.origin, "system.release", message))
        return
    if not isinstance(deployer.value, str) or not isinstance(version.value, str):
        return
    support = ability.support(deployer.value, version.value)
    if support and release.value not in support.systems.get(system.name, ()):
        message = f"{support.who} is not for {system.title} '{release.value}', but for {support}"
        problems.append(Problem(release.origin, "system.release", message))


def _check_additions(layered: Layered, scenario: Scenario | None, problems: list[Problem]) -> None:
    """Check that what is to be carried for later can be added, and once only."""
    root, key = layered.root, "openstack_ansible.additions"
    path = tuple(key.split("."))
    rows = root.find(path)
    names = rows.plain()
    if not isinstance(names, list) or root.find(("deployer",)).value != _ADDING:
        return
    known = additions()
    for number, name in enumerate(names):
        if not isinstance(name, str):
            continue
        origin, at = root.find((*path, number)).origin, f"{key}[{number}]"
        if name not in known:
            message = f"'{name}' is none of: {', '.join(known)}{meant(name, known)}"
            problems.append(Problem(origin, at, message))
        elif name in names[:number]:
            problems.append(Problem(origin, at, f"'{name}' is given twice"))
    if names and root.find(("level",)).value == "staged":
        message = "a staged image carries nothing for later yet: set it to [], or level to deployed"
        problems.append(Problem(rows.origin, key, message))
    if names and scenario is not None and "lxc" in scenario.expanded:
        message = "a scenario with lxc carries nothing for later yet: set it to []"
        problems.append(Problem(rows.origin, key, message))
