"""The recipe of the debian deployer as a bake would write it, without a machine to write it to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible.plugins.filter.urlsplit import FilterModule as UrlFilters
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.nativetypes import NativeEnvironment

from aio_image import deployers
from aio_image.bake.canary import canary
from aio_image.deployers import DeployerFacts
from aio_image.paths import resource

BAKE_ID = "0123456789abcdef"
ENDPOINT_HOST = "aio-canary.invalid"
SCENARIO = (
    "aio metal keystone rabbitmq galera memcached cinder glance neutron nova placement horizon"
)


@dataclass(frozen=True)
class Recipe:
    """``files``: place in the image → text. ``services``: names, of the default scenario.

    ``installed``: those and the dormant ones, in start order.
    """

    facts: DeployerFacts
    services: tuple[str, ...]
    installed: tuple[str, ...]
    secrets: dict[str, str]
    files: dict[str, str]


def _role_variables(role: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for file in sorted(role.glob("vars/*.yml")):
        found |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return found


def rendered(role: Path, common: dict[str, Any]) -> dict[str, str]:
    """The templates/tree of ``role`` as the action plugin config_tree does it: place → text."""
    playbooks = role.parents[1]
    tree = role / "templates" / "tree"
    environment = Environment(
        loader=FileSystemLoader([tree, role / "templates", playbooks / "templates"]),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,
    )
    # Jinja's own where both have one: ansible's want values wrapped in its way.
    more = CoreFilters().filters() | UrlFilters().filters()
    environment.filters = {**more, **environment.filters}
    # Variables of a role may be templates themselves, of those before them as well.
    native = NativeEnvironment(undefined=StrictUndefined)
    native.filters = environment.filters
    # Ansible's own.
    native.tests["contains"] = lambda where, what: what in where
    variables = dict(common)
    for name, value in _role_variables(role).items():
        # What install.yaml says is read by a lookup; nothing here needs it.
        if any(word in str(value) for word in ("lookup(", "appliance_install", "appliance_own")):
            continue
        text = native.from_string(value).render(variables) if _template(value) else value
        variables[name] = text
    variables.setdefault("appliance_enabled", [])
    files = {}
    for source in sorted(path for path in tree.rglob("*") if path.is_file()):
        place = "/" + str(source.relative_to(tree)).removesuffix(".j2")
        text = source.read_text(encoding="utf-8")
        if source.suffix == ".j2":
            text = environment.from_string(text).render(variables)
        files[place] = text
    return files


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Every role's templates/tree, rendered."""
    playbooks = resource("playbooks")
    facts = deployers.load("debian")
    services = facts.services_of(SCENARIO.split())
    dormant = facts.dormant_of(services)
    names = {*services, *dormant}
    installed = tuple(service.name for service in facts.services if service.name in names)
    secrets = {
        secret.name: canary(BAKE_ID, secret.name, secret.length)
        for secret in facts.secrets_of(installed)
    }
    common = yaml.safe_load((playbooks / "group_vars/all.yml").read_text(encoding="utf-8"))
    common |= {
        "aio_secrets": secrets,
        "aio_bake_id": BAKE_ID,
        "aio_services": list(installed),
        "aio_recipe": facts.recipe.dump(),
        "aio_release": {},
        "aio_endpoint_host": ENDPOINT_HOST,
        "aio_facts": {**facts.dump(services, dormant), "scenario": "aio_metal"},
        "aio_recovery": facts.recovery_of(services),
        "aio_settle": facts.settle_of(installed),
        "appliance_versions": type("Result", (), {"stdout_lines": ['nova-api: "1"']}),
    }
    files: dict[str, str] = {}
    for name in sorted(facts.recipe.roles_of(installed)):
        files |= rendered(playbooks / "roles" / name, common)
    return Recipe(facts, services, installed, secrets, files)


def _template(value: object) -> bool:
    return isinstance(value, str) and "{{" in value
