"""What a deployer is made of, read once from its YAML into frozen data."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from aio_image.errors import AioError

_ROOM = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Api:
    """A service's catalogue row. ``port`` is public (TLS), ``backend`` on 127.0.0.1 (plain)."""

    type: str
    name: str
    port: int
    backend: int
    path: str


@dataclass(frozen=True)
class Probe:
    """Met when ``url`` answers with one of ``answers``. ``port``: its public port, or None."""

    name: str
    url: str
    answers: tuple[int, ...]
    port: int | None


@dataclass(frozen=True)
class Heartbeats:
    """Processes that report to the table ``services`` of ``database`` while they work."""

    database: str
    binaries: tuple[str, ...]


@dataclass(frozen=True)
class Place:
    """A loop file or folder for big data; fields as README.md says. None where there is none."""

    name: str
    size: str | None = None
    device: str | None = None
    group: str | None = None
    mount: str | None = None
    filesystem: str = "xfs"
    share: int = 0
    folder: bool = False


@dataclass(frozen=True)
class Storage:
    """``users``: units that may not run before ``places`` are there."""

    users: tuple[str, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Service:
    """One row of ``services.yaml``; ``units`` in start order, ``kind`` as README.md says.

    ``optional``: it is in every image, and `aio enable` and `aio disable` turn it on and off.
    ``memory``: MiB that it takes while it runs.
    """

    name: str
    title: str
    kind: str
    units: tuple[str, ...]
    api: Api | None
    probes: tuple[Probe, ...]
    heartbeats: Heartbeats | None
    optional: bool
    memory: int
    storage: Storage | None


@dataclass(frozen=True)
class Port:
    """A port of the public address. ``protocol`` is tcp or udp; ``title`` says what answers.

    ``clients`` use it; others only have to be let answer (DHCP).
    """

    name: str
    title: str
    protocol: str
    port: int
    clients: bool


@dataclass(frozen=True)
class Secret:
    """Where one secret of an appliance lives; a row of the ledger, and whose it is.

    ``pattern``: a regular expression for the whole of it, where a service takes nothing else.
    """

    name: str
    service: str
    length: int
    files: tuple[str, ...]
    mariadb: tuple[str, ...]
    keystone: tuple[str, ...]
    rabbitmq: tuple[str, ...]
    pattern: str | None


@dataclass(frozen=True)
class Scenario:
    """Which words a scenario needs and may have, and the services each brings.

    ``optional``: services that are set up in every image, and run where a word brings them.
    """

    required: tuple[str, ...]
    services: tuple[str, ...]
    optional: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Packages:
    """``stand_in``: name provided by a package of our own → why. ``exclude``: dpkg paths."""

    system: tuple[str, ...]
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stand_in: Mapping[str, str] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()

    def of(self, services: Collection[str]) -> tuple[str, ...]:
        """Packages of the system and of ``services``, without repeats, in the table's order."""
        named = list(self.system)
        for service, packages in self.services.items():
            if service in services:
                named.extend(packages)
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True)
class DeployerFacts:
    """All of a deployer. ``release`` is the code name of the operating system it is for."""

    name: str
    release: str
    scenario: Scenario
    services: tuple[Service, ...]
    secrets: tuple[Secret, ...]
    recovery: tuple[Mapping[str, Any], ...]
    ports: tuple[Port, ...]
    settle: Mapping[str, Any]

    def services_of(self, words: Iterable[str]) -> tuple[str, ...]:
        """Names of the services that ``words`` (expanded) ask for, in start order."""
        wanted = set(self.scenario.services)
        for word in words:
            wanted.update(self.scenario.words.get(word, ()))
        return tuple(service.name for service in self.services if service.name in wanted)

    def dormant_of(self, services: Collection[str]) -> tuple[str, ...]:
        """Names of the services that an image that runs ``services`` has besides, asleep."""
        return tuple(name for name in self.scenario.optional if name not in services)

    def secrets_of(self, services: Collection[str]) -> tuple[Secret, ...]:
        """Secrets that ``services`` bring."""
        return tuple(secret for secret in self.secrets if secret.service in services)

    def ports_of(self, services: Collection[str]) -> tuple[Port, ...]:
        """All that may listen on the public address with ``services``, by number.

        An appliance's own ports, and those of the services: TCP, with TLS.
        """
        public = [
            Port(probe.name, f"{service.title}, TLS", "tcp", probe.port, clients=True)
            for service in self.services
            if service.name in services
            for probe in service.probes
            if probe.port is not None
        ]
        return tuple(sorted([*self.ports, *public], key=lambda one: (one.protocol, one.port)))

    def dump(self, services: Collection[str], dormant: Collection[str] = ()) -> dict[str, Any]:
        """The ``services`` as plain JSON types: what playbooks and the appliance read."""

        def rows(names: Collection[str]) -> list[dict[str, Any]]:
            return [asdict(service) for service in self.services if service.name in names]

        return {
            "format": 1,
            "deployer": self.name,
            "ports": [asdict(port) for port in self.ports],
            "services": rows(services),
            "dormant": rows(dormant),
        }

    def recovery_of(self, services: Collection[str]) -> dict[str, Any]:
        """recovery.yaml for ``services``, as plain JSON types: what ``aio recover`` looks at."""
        parts = [
            {key: value for key, value in row.items() if key != "service"}
            for row in self.recovery
            if row["service"] in services
        ]
        return {"format": 1, "parts": parts}

    def settle_of(self, services: Collection[str]) -> dict[str, Any]:
        """settle.yaml for ``services``, as plain JSON types: what the appliance settles by."""

        def there(row: Mapping[str, Any]) -> bool:
            return row["service"] in services

        overrides = self.settle["overrides"]
        return {
            "format": 1,
            "resources": self.settle["resources"],
            "public": [row for row in self.settle["public"] if there(row)],
            "hypervisor": [row for row in self.settle["hypervisor"] if there(row)],
            "overrides": {name: row for name, row in overrides.items() if there(row)},
        }


def names() -> tuple[str, ...]:
    """Deployers there are, sorted."""
    return tuple(sorted(table.parent.name for table in _ROOM.glob("*/services.yaml")))


@cache
def load(name: str) -> DeployerFacts:
    """The deployer called ``name``. KeyError when there is none."""
    if name not in names():
        raise KeyError(name)
    room = _ROOM / name
    try:
        services = _read(room / "services.yaml")
        secrets = _read(room / "secrets.yaml")
        return DeployerFacts(
            name=name,
            release=_read(room / "packages.yaml")["release"],
            scenario=_scenario(services["scenario"]),
            services=tuple(
                _service(key, row, key in services["scenario"]["optional"])
                for key, row in services["services"].items()
            ),
            secrets=tuple(_secret(key, row) for key, row in secrets["secrets"].items()),
            recovery=tuple(_read(room / "recovery.yaml")["parts"]),
            ports=tuple(_port(row) for row in _read(_ROOM / "ports.yaml")["ports"]),
            settle=_read(room / "settle.yaml"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise AioError(f"{room}: a table of the deployer is malformed: {error!r}") from error


@cache
def packages(name: str) -> Packages | None:
    """What is installed for the deployer called ``name``; None: it installs packages itself."""
    path = _ROOM / name / "packages.yaml"
    if not path.is_file():
        return None
    try:
        return _packages(_read(path))
    except (KeyError, TypeError, AttributeError) as error:
        raise AioError(f"{path}: is malformed: {error!r}") from error


def _read(path: Path) -> dict[str, Any]:
    # libyaml where PyYAML has it: every command reads these tables, and it is ten times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    table: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    return table


def _scenario(row: Mapping[str, Any]) -> Scenario:
    return Scenario(
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
    )


def _service(name: str, row: Mapping[str, Any], optional: bool) -> Service:
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
        probes=tuple(_probe(each) for each in probed),
        heartbeats=_heartbeats(row.get("heartbeats")),
        optional=optional,
        memory=int(row.get("memory", 0)),
        storage=_storage(row.get("storage")),
    )


def _heartbeats(row: Mapping[str, Any] | None) -> Heartbeats | None:
    return Heartbeats(row["database"], tuple(row["binaries"])) if row else None


def _storage(row: Mapping[str, Any] | None) -> Storage | None:
    if not row:
        return None
    return Storage(tuple(row["users"]), tuple(Place(**place) for place in row["places"]))


def _probe(row: Mapping[str, Any]) -> Probe:
    return Probe(
        name=row["name"],
        url=f"http://127.0.0.1:{row['backend']}{row['health']}",
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
        files=tuple(row.get("files", ())),
        mariadb=tuple(row.get("mariadb", ())),
        keystone=tuple(row.get("keystone", ())),
        rabbitmq=tuple(row.get("rabbitmq", ())),
        pattern=row.get("pattern"),
    )
