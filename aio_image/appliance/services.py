"""What runs here, as the bake wrote it: units, and URLs that answer once all is well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .shipped import shipped


@dataclass(frozen=True)
class Probe:
    """GET ``path`` at ``host:port`` (plain HTTP) is to give one of ``answers``.

    ``public_port`` is where haproxy offers the same with TLS; None for what stays inside.
    ``kind`` is api for what the catalogue lists, else page.
    """

    name: str
    host: str
    port: int
    path: str
    answers: tuple[int, ...]
    public_port: int | None
    kind: str = "page"


@dataclass(frozen=True)
class Services:
    """Every unit, each once, in start order; every probe.

    ``heartbeats``: database → processes that report to its table ``services`` while they work.
    ``outside`` is the address at which haproxy's public ports are asked from here; ``dashboard``
    the path of Horizon's pages, "" where there is none.
    """

    units: tuple[str, ...]
    probes: tuple[Probe, ...]
    heartbeats: Mapping[str, tuple[str, ...]]
    outside: str
    dashboard: str


def load(path: Path) -> Services:
    """Read services.json (format 1). Raises ApplianceProblem when it is absent or damaged."""
    with shipped(path) as data:
        units = [unit for service in data["services"] for unit in service["units"]]
        probes = [
            replace(probe(one), kind=_kind(service, one))
            for service in data["services"]
            for one in service["probes"]
        ]
        beats = [service["heartbeats"] for service in data["services"] if service["heartbeats"]]
        heartbeats = {
            # Whose unit is not waited for need not report either.
            each["database"]: tuple(one for one in each["binaries"] if f"{one}.service" in units)
            for each in beats
        }
        outside, dashboard = str(data["outside"]), data["dashboard"] or ""
    return Services(tuple(dict.fromkeys(units)), tuple(probes), heartbeats, outside, dashboard)


def read(path: Path) -> dict[str, Any]:
    """The table of services.json as it is. Raises ApplianceProblem, as ``load`` does."""
    data: dict[str, Any]
    with shipped(path) as data:
        return data


def _kind(service: Mapping[str, Any], probed: Mapping[str, Any]) -> str:
    api = service.get("api")
    return "api" if api is not None and api["name"] == probed["name"] else "page"


def probe(entry: dict[str, object]) -> Probe:
    """A row of a service's ``probes``. Raises KeyError, TypeError and ValueError."""
    url = urlsplit(str(entry["url"]))
    answers = entry["answers"]
    public = entry["port"]
    if not isinstance(answers, list) or url.hostname is None or url.port is None:
        raise ValueError(f"probe {entry['name']}")
    return Probe(
        name=str(entry["name"]),
        host=url.hostname,
        port=url.port,
        path=url.path + (f"?{url.query}" if url.query else "") or "/",
        answers=tuple(int(answer) for answer in answers),
        public_port=int(str(public)) if public is not None else None,
    )
