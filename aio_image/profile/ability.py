"""What a deployer can serve of what a profile may ask, from the deployer's own data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from aio_image import deployers
from aio_image.deployers.openstack_ansible import series

# The deployer whose supported systems go by series.
_IN_SERIES = "openstack-ansible"


@dataclass(frozen=True)
class Ability:
    """``required``: words a scenario must have. ``words``: words it may have. ``services``:
    services that can be set up.
    """

    deployer: str
    required: tuple[str, ...]
    words: frozenset[str]
    services: frozenset[str]


@dataclass(frozen=True)
class Support:
    """Operating systems that ``who`` is for: distribution → its releases, by name."""

    who: str
    systems: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        """As ``debian bookworm, trixie; ubuntu noble``."""
        return "; ".join(f"{name} {', '.join(has)}" for name, has in self.systems.items())


@cache
def of(deployer: str) -> Ability | None:
    """The ability of ``deployer``; None when there is no table of it, or it takes any word."""
    if deployer not in deployers.names():
        return None
    facts = deployers.load(deployer)
    if facts.scenario.every_word:
        return None
    return Ability(
        deployer=deployer,
        required=tuple(facts.scenario.required),
        words=frozenset(facts.scenario.words),
        services=frozenset(service.name for service in facts.services),
    )


def support(deployer: str, release: str) -> Support | None:
    """The systems of ``deployer``, of its own ``release`` where it has such; None: not known.

    What a commit or an unknown branch supports only its files can tell.
    """
    if deployer == _IN_SERIES:
        named = series.facts().series_named(release)
        return Support(f"OpenStack-Ansible {named.name}", named.systems) if named else None
    if deployer not in deployers.names():
        return None
    return Support(f"the {deployer} deployer", {"debian": (deployers.load(deployer).release,)})
