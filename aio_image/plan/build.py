"""From a settled profile to its plan: each step with its settings, inputs and content key."""

from __future__ import annotations

from typing import Any

from aio_image import deployers
from aio_image.errors import UsageError
from aio_image.plan.inputs import code_inputs, file_inputs, version_input
from aio_image.plan.model import Input, Plan, Step, step_key
from aio_image.plan.table import STEPS, StepRow
from aio_image.profile.load import LoadedProfile


def make_plan(loaded: LoadedProfile, *, gate: bool = True) -> Plan:
    """The frozen steps of ``loaded``, in the order they run. Reads files, changes nothing.

    Without ``gate`` the plan has no such step; its image then has another key, so that one which
    was never booted is not taken for one that was. Raises UsageError for a deployer without steps.
    """
    deployer = loaded.profile.deployer
    if deployer not in deployers.names():
        raise UsageError(
            f"profile {loaded.name}: this version has no build steps for the deployer {deployer}",
            hint=f"`aio-image lock {loaded.name}` resolves its sources",
        )
    rows = [row for row in STEPS if gate or row.name != "gate"]
    facts = _facts(loaded)
    keys: dict[str, str] = {}
    steps: list[Step] = []
    for row in rows:
        needs = tuple(name for name in row.needs if name in keys)
        settings = {name: loaded.setting(name) for name in row.settings}
        settings |= {name: facts[name] for name in row.facts}
        inputs = _inputs(row, loaded)
        key = step_key(row.name, settings, inputs, tuple(keys[name] for name in needs))
        keys[row.name] = key
        steps.append(Step(row.name, row.title, needs, settings, inputs, key))
    return Plan(loaded.name, tuple(steps))


def _inputs(row: StepRow, loaded: LoadedProfile) -> tuple[Input, ...]:
    blanks = {
        "deployer": loaded.profile.deployer,
        "distribution": loaded.profile.system.distribution,
    }
    found = file_inputs(pattern.format(**blanks) for pattern in row.files)
    found |= code_inputs(row.code)
    versions = (version_input(name) for name in row.distributions)
    found |= {version.label: version for version in versions}
    return tuple(found[label] for label in sorted(found))


def _facts(loaded: LoadedProfile) -> dict[str, Any]:
    known = deployers.load(loaded.profile.deployer)
    dormant = known.dormant_of(loaded.services)
    installed = (*loaded.services, *dormant)
    packages = {*known.packages_of(installed), *loaded.profile.packages.extra}
    return {
        "profile": loaded.name,
        "scenario": loaded.scenario.text,
        "services": list(loaded.services),
        "dormant": list(dormant),
        "packages": sorted(packages),
        "stand_in": sorted(known.packages.stand_in),
        "exclude": list(known.packages.exclude),
    }
