"""What is known of OpenStack-Ansible's series, from ``series.yaml``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml
from packaging.version import InvalidVersion, Version

_TABLE = Path(__file__).with_name("series.yaml")


@dataclass(frozen=True)
class Series:
    """``major`` is the first number of its tags. ``systems``: distribution → its releases."""

    name: str
    major: int
    branch: str
    systems: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Facts:
    """Where a release names its sources, and what of them a scenario needs."""

    series: Mapping[str, Series]
    url: str
    roles: str
    collections: str
    services: str
    bases: Mapping[str, str]
    always: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]
    galaxy: Mapping[str, str]

    def repositories_of(self, words: Iterable[str]) -> tuple[str, ...]:
        """The ``<name>`` of each ``<name>_git_repo`` that a scenario's ``words`` need, sorted."""
        found = set(self.always)
        for word in words:
            found.update(self.words.get(word, (word,)))
        return tuple(sorted(found))

    def series_of(self, tag: str) -> Series | None:
        """The series that ``tag`` is a stable release of; None for anything else."""
        try:
            version = Version(tag)
        except InvalidVersion:
            return None
        if version.is_prerelease or str(version) != tag:
            return None
        return next((one for one in self.series.values() if one.major == version.major), None)

    def series_named(self, release: str) -> Series | None:
        """The series that ``release`` (as a profile has it) means by its name alone.

        None for what only a repository can tell: other branches, and commits.
        """
        if release == "latest":
            return max(self.series.values(), key=lambda one: one.major)
        by_name = (one for one in self.series.values() if release in (one.name, one.branch))
        return next(by_name, None) or self.series_of(release)


@cache
def facts() -> Facts:
    """The table, read once."""
    raw = yaml.safe_load(_TABLE.read_text("utf-8"))
    series = {
        name: Series(
            name,
            int(row["major"]),
            row["branch"],
            {system: tuple(map(str, releases)) for system, releases in row["systems"].items()},
        )
        for name, row in raw["series"].items()
    }
    return Facts(
        series=series,
        url=raw["url"],
        roles=raw["roles"],
        collections=raw["collections"],
        services=raw["services"],
        bases=dict(raw["bases"]),
        always=tuple(raw["always"]),
        words={word: tuple(names) for word, names in raw["words"].items()},
        galaxy=dict(raw["galaxy"]),
    )


def newest(tags: Iterable[str], series: Series | None = None) -> str | None:
    """The newest stable release among ``tags``, of ``series`` or of any known one."""
    known = facts()
    stable = [
        (Version(tag), tag)
        for tag in tags
        if (its := known.series_of(tag)) is not None and series in (None, its)
    ]
    return max(stable)[1] if stable else None
