"""What a deployer is made of, as frozen data (``tables.py`` reads it)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Api:
    """A service's catalogue row. ``port`` is public (TLS), ``backend`` inside (plain)."""

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
class Places:
    """Files, accounts and users that know a secret."""

    files: tuple[str, ...]
    mariadb: tuple[str, ...]
    keystone: tuple[str, ...]
    rabbitmq: tuple[str, ...]


@dataclass(frozen=True)
class Secret:
    """Where one secret of an appliance lives; a row of the ledger, and whose it is.

    ``pattern``: a regular expression for the whole of it, where a service takes nothing else.
    ``also``: service → where it lives besides when that one is there, too.
    """

    name: str
    service: str
    length: int
    files: tuple[str, ...]
    mariadb: tuple[str, ...]
    keystone: tuple[str, ...]
    rabbitmq: tuple[str, ...]
    pattern: str | None
    also: Mapping[str, Places] = field(default_factory=dict)

    def among(self, services: Collection[str]) -> Secret:
        """It as it is beside ``services``."""
        more = [places for service, places in self.also.items() if service in services]
        return replace(
            self,
            files=(*self.files, *(one for places in more for one in places.files)),
            mariadb=(*self.mariadb, *(one for places in more for one in places.mariadb)),
            keystone=(*self.keystone, *(one for places in more for one in places.keystone)),
            rabbitmq=(*self.rabbitmq, *(one for places in more for one in places.rabbitmq)),
            also={},
        )


@dataclass(frozen=True)
class Scenario:
    """Which words a scenario needs and may have, and the services each brings.

    ``optional``: services that are set up in every image, and run where a word brings them.
    ``every_word``: it may have any word of OpenStack-Ansible's; what ``required`` and ``words``
    do not cover is deployed, and no appliance is made of it.
    """

    every_word: bool
    required: tuple[str, ...]
    services: tuple[str, ...]
    optional: tuple[str, ...]
    words: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Packages:
    """``stand_in``: name provided by a package of our own → why. ``exclude``: dpkg paths.

    ``release``: code name of the Debian whose packages they are, "" for those of any system.
    """

    system: tuple[str, ...]
    services: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stand_in: Mapping[str, str] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    release: str = ""

    def of(self, services: Collection[str]) -> tuple[str, ...]:
        """Packages of the system and of ``services``, without repeats, in the table's order."""
        named = list(self.system)
        for service, packages in self.services.items():
            if service in services:
                named.extend(packages)
        return tuple(dict.fromkeys(named))


@dataclass(frozen=True)
class Recipe:
    """What the bake does for a deployer; fields as README.md says.

    ``services``: the roles of the services themselves run; ``roles`` run besides.
    """

    services: bool
    roles: tuple[str, ...]
    units: Mapping[str, tuple[str, ...]]
    root_login: str
    versioned: tuple[str, ...]

    def roles_of(self, services: Iterable[str]) -> tuple[str, ...]:
        """Roles of playbooks/bake.yml for an appliance of ``services``."""
        return ("appliance", *self.roles, *(services if self.services else ()))

    def dump(self) -> dict[str, Any]:
        """What the roles read of it, as plain JSON types."""
        return {
            "units": {kind: list(units) for kind, units in self.units.items()},
            "root_login": self.root_login,
            "versioned": list(self.versioned),
        }


@dataclass(frozen=True)
class HostNeeds:
    """What a build takes of its host: GB of ``disk`` that are ample for a first one, ``inotify``
    instances of root at one time, and ``programs`` beside those that every build runs."""

    disk: int
    inotify: int
    programs: tuple[str, ...]


@dataclass(frozen=True)
class DeployerFacts:
    """All of a deployer. ``release`` is the code name of the Debian it is for, "" where it says
    so itself.

    ``outside`` is the address at which the appliance itself asks public ports, ``inside`` networks
    that nobody else reaches (beside loopback), ``dashboard`` Horizon's path on port 443, ``data``
    the folder of big data, where a data disk is mounted.
    """

    name: str
    release: str
    outside: str
    inside: tuple[str, ...]
    dashboard: str
    data: str
    scenario: Scenario
    services: tuple[Service, ...]
    secrets: tuple[Secret, ...]
    recovery: tuple[Mapping[str, Any], ...]
    ports: tuple[Port, ...]
    settle: Mapping[str, Any]
    recipe: Recipe

    def services_of(self, words: Iterable[str]) -> tuple[str, ...]:
        """Names of the services that ``words`` (expanded) ask for, in start order."""
        wanted = set(self.scenario.services)
        for word in words:
            wanted.update(self.scenario.words.get(word, ()))
        return tuple(service.name for service in self.services if service.name in wanted)

    def covers(self, words: Collection[str]) -> bool:
        """Whether the tables hold for a scenario of ``words`` (expanded)."""
        return set(self.scenario.required) <= set(words) <= set(self.scenario.words)

    def dormant_of(self, services: Collection[str]) -> tuple[str, ...]:
        """Names of the services that an image that runs ``services`` has besides, asleep."""
        return tuple(name for name in self.scenario.optional if name not in services)

    def secrets_of(self, services: Collection[str]) -> tuple[Secret, ...]:
        """Secrets that ``services`` bring, each with all places that these know it in."""
        return tuple(one.among(services) for one in self.secrets if one.service in services)

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
            "outside": self.outside,
            "inside": list(self.inside),
            "data": self.data,
            "dashboard": self.dashboard if "horizon" in services else None,
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
            "names": self.settle["names"],
            "public": [row for row in self.settle["public"] if there(row)],
            "hypervisor": [row for row in self.settle["hypervisor"] if there(row)],
            "overrides": {name: row for name, row in overrides.items() if there(row)},
            "variables": self.settle["variables"],
        }
