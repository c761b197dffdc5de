"""What a deployer can serve of what a profile may ask, from the deployer's own data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from aio_image import deployers


@dataclass(frozen=True)
class Ability:
    """``required``: words a scenario must have. ``words``: words it may have. ``services``:
    services that can be set up. ``releases``: of the operating system, by code name.
    """

    deployer: str
    required: tuple[str, ...]
    words: frozenset[str]
    services: frozenset[str]
    releases: tuple[str, ...]


@cache
def of(deployer: str) -> Ability | None:
    """The ability of ``deployer``; None when there is no such deployer."""
    if deployer not in deployers.names():
        return None
    facts = deployers.load(deployer)
    return Ability(
        deployer=deployer,
        required=tuple(facts.scenario.required),
        words=frozenset(facts.scenario.words),
        services=frozenset(service.name for service in facts.services),
        releases=(facts.release,),
    )
