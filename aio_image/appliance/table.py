"""``settle.json``: what this deployer's appliance needs, and the files that a settle writes.

Written by the bake from ``deployers/<deployer>/settle.yaml``, where the rows are explained.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .shipped import shipped


@dataclass(frozen=True)
class Row:
    """A file that is written whole, and the units to tell when it changes while the cloud runs.

    ``texts``: what it says, by case. A row without ``path`` only names units.
    """

    path: str | None
    group: str | None
    texts: Mapping[str, str]
    restart: tuple[str, ...]
    reload: tuple[str, ...]


@dataclass(frozen=True)
class Variables:
    """Where the words of ``user_variables`` are for playbooks, and the command that runs those.

    ``beneath``: files whose mappings they are laid over. ``instead``: words that are refused → the
    keys of config.yaml that say it.
    """

    path: str
    run: str
    beneath: tuple[str, ...]
    instead: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """``minimum`` and ``recommended``: cpus; memory, free and disk in MiB (settle.yaml).

    ``names`` and addresses besides the public ones that haproxy's certificate is for. ``variables``
    is None where no playbooks are run: then all words of ``user_variables`` are in ``overrides``.
    """

    minimum: Mapping[str, int]
    recommended: Mapping[str, int]
    names: tuple[str, ...]
    public: tuple[Row, ...]
    hypervisor: tuple[Row, ...]
    overrides: Mapping[str, Row]
    variables: Variables | None


def load(path: Path) -> Table:
    """Read settle.json (format 1). Raises ApplianceProblem when it is absent or damaged."""
    with shipped(path) as data:
        return of(data)


def of(data: Mapping[str, Any]) -> Table:
    """The table that settle.json holds. KeyError, TypeError, AttributeError: it is none."""
    return Table(
        minimum=data["resources"]["minimum"],
        recommended=data["resources"]["recommended"],
        names=tuple(data["names"]),
        public=tuple(_row(row) for row in data["public"]),
        hypervisor=tuple(_row(row) for row in data["hypervisor"]),
        overrides={name: _row(row) for name, row in data["overrides"].items()},
        variables=_variables(data["variables"]) if data["variables"] else None,
    )


def _variables(row: Mapping[str, Any]) -> Variables:
    return Variables(
        path=row["path"],
        run=row["run"],
        beneath=tuple(row["beneath"]),
        instead=dict(row["instead"]),
    )


def _row(row: Mapping[str, Any]) -> Row:
    return Row(
        path=row.get("path"),
        group=row.get("group"),
        texts={case: row[case] for case in ("text", "kvm", "qemu") if case in row},
        restart=tuple(row.get("restart", ())),
        reload=tuple(row.get("reload", ())),
    )
