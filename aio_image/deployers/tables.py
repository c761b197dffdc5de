"""Reads a deployer's YAML once; README.md says which file is for what."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from aio_image.deployers.facts import (
    Api,
    DeployerFacts,
    Heartbeats,
    HostNeeds,
    Packages,
    Place,
    Places,
    Port,
    Probe,
    Recipe,
    Scenario,
    Secret,
    Service,
    Storage,
)
from aio_image.errors import AioError

_ROOM = Path(__file__).resolve().parent
# Of recipe.yaml.
_UNITS = ("early", "guarded", "unwanted", "more")


def names() -> tuple[str, ...]:
    """Deployers whose appliances can be made, sorted."""
    rooms = (table.parent.name for table in _ROOM.glob("*/recipe.yaml"))
    return tuple(sorted(room.replace("_", "-") for room in rooms))


def folder(name: str) -> str:
    """The folder of the deployer ``name`` beside this module: a Python package has no dashes."""
    return name.replace("-", "_")


@cache
def load(name: str) -> DeployerFacts:
    """The deployer called ``name``. KeyError when there is none."""
    if name not in names():
        raise KeyError(name)
    room = _ROOM / folder(name)
    try:
        installed = packages(name)
        services = _read(room / "services.yaml")
        secrets = _read(room / "secrets.yaml")
        return DeployerFacts(
            name=name,
            release=installed.release if installed else "",
            outside=services["outside"],
            inside=tuple(services["inside"]),
            dashboard=services["dashboard"],
            data=services["data"],
            scenario=_scenario(services["scenario"]),
            services=tuple(
                _service(key, row, services) for key, row in services["services"].items()
            ),
            secrets=tuple(_secret(key, row) for key, row in secrets["secrets"].items()),
            recovery=tuple(_read(room / "recovery.yaml")["parts"]),
            ports=tuple(_port(row) for row in _read(_ROOM / "ports.yaml")["ports"]),
            settle=_read(room / "settle.yaml"),
            recipe=_recipe(_read(room / "recipe.yaml")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise AioError(f"{room}: a table of the deployer is malformed: {error!r}") from error


@cache
def packages(name: str) -> Packages | None:
    """What is installed for the deployer called ``name``; None: it installs packages itself."""
    path = _ROOM / folder(name) / "packages.yaml"
    if not path.is_file():
        return None
    try:
        return _packages(_read(path))
    except (KeyError, TypeError, AttributeError) as error:
        raise AioError(f"{path}: is malformed: {error!r}") from error


@cache
def host_needs(name: str, *, containers: bool) -> HostNeeds:
    """What a build of the deployer called ``name`` takes, with services in containers or not."""
    path = _ROOM / folder(name) / "host.yaml"
    table = _read(path)
    try:
        row = table["every"] | (table["containers"] if containers else {})
        return HostNeeds(int(row["disk"]), int(row["inotify"]), tuple(row["programs"]))
    except (KeyError, TypeError, AttributeError) as error:
        raise AioError(f"{path}: is malformed: {error!r}") from error


def _read(path: Path) -> dict[str, Any]:
    # libyaml where PyYAML has it: every command reads these tables, and it is ten times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    table: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    return table


def _scenario(row: Mapping[str, Any]) -> Scenario:
    return Scenario(
        every_word=bool(row.get("every_word")),
        required=tuple(row["required"]),
        services=tuple(row["services"]),
        optional=tuple(row["optional"]),
        words={word: tuple(services) for word, services in row["words"].items()},
    )


def _packages(table: Mapping[str, Any]) -> Packages:
    return Packages(
        system=tuple(table["system"]),
        services={name: tuple(names) for name, names in table["services"].items()},
        stand_in=dict(table.get("stand_in") or {}),
        exclude=tuple(table.get("exclude") or ()),
        release=table["release"],
    )


def _recipe(table: Mapping[str, Any]) -> Recipe:
    return Recipe(
        services=table["services"],
        roles=tuple(table["roles"]),
        units={kind: tuple(table["units"][kind]) for kind in _UNITS},
        root_login=table["root_login"],
        versioned=tuple(table["versioned"]),
    )


def _service(name: str, row: Mapping[str, Any], table: Mapping[str, Any]) -> Service:
    address = table["address"]
    api = row.get("api")
    probed = ([api] if api else []) + list(row.get("ports", ()))
    return Service(
        name=name,
        title=row["title"],
        kind=row["kind"],
        units=tuple(row["units"]),
        api=Api(api["type"], api["name"], api["port"], api["backend"], api["path"])
        if api
        else None,
        probes=tuple(_probe(each, address) for each in probed),
        heartbeats=_heartbeats(row.get("heartbeats")),
        optional=name in table["scenario"]["optional"],
        memory=int(row.get("memory", 0)),
        storage=_storage(row.get("storage")),
    )


def _heartbeats(row: Mapping[str, Any] | None) -> Heartbeats | None:
    return Heartbeats(row["database"], tuple(row["binaries"])) if row else None


def _storage(row: Mapping[str, Any] | None) -> Storage | None:
    if not row:
        return None
    return Storage(tuple(row["users"]), tuple(Place(**place) for place in row["places"]))


def _probe(row: Mapping[str, Any], address: str) -> Probe:
    return Probe(
        name=row["name"],
        url=f"http://{row.get('address', address)}:{row['backend']}{row['health']}",
        answers=tuple(row["answers"]),
        port=row.get("port"),
    )


def _port(row: Mapping[str, Any]) -> Port:
    return Port(row["name"], row["title"], row["protocol"], row["port"], row["clients"])


def _secret(name: str, row: Mapping[str, Any]) -> Secret:
    return Secret(
        name=name,
        service=row["service"],
        length=int(row.get("length", 40)),
        **_places(row),
        pattern=row.get("pattern"),
        also={service: Places(**_places(one)) for service, one in row.get("also", {}).items()},
    )


def _places(row: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {kind: tuple(row.get(kind, ())) for kind in ("files", "mariadb", "keystone", "rabbitmq")}
