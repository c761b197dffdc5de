"""What a configuration holds once it is read and checked; None or empty where nothing was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Chosen:
    """A secret the owner chose.

    ``span`` is where the configuration spells it, or names the ``file`` of the owner's that holds
    it, in bytes: blanked once the secret is taken over, and the file removed.
    """

    value: str
    span: tuple[int, int] | None
    file: str | None = None


@dataclass(frozen=True)
class Network:
    """How the public interface gets its address. ``address`` None: by DHCP.

    ``address`` has its prefix length (192.0.2.10/24). ``gateway`` None: no default route is set
    (with DHCP: the one offered is not taken).
    """

    address: str | None = None
    gateway: str | None = None
    default_route: bool = True
    nameservers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proxy:
    """URLs; ``without`` are hosts, domains and networks that are reached directly."""

    http: str | None = None
    https: str | None = None
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataDisk:
    """A disk for the cloud's data. ``device`` is a path (/dev/sdb). Nothing on a disk is ever
    overwritten unless ``wipe``."""

    device: str
    filesystem: str = "ext4"
    wipe: bool = False


@dataclass(frozen=True)
class Storage:
    """Sizes in bytes of the loop files; None: what the deployer has by default."""

    cinder: int | None = None
    nova: int | None = None
    swift: int | None = None


@dataclass(frozen=True)
class Config:
    """What was asked for. ``user_variables`` are OpenStack-Ansible's, by its names.

    ``spent`` are those whose file is taken over already, and still to be removed (``scrub``).
    ``notes`` say what was asked and means nothing on an appliance, a sentence each.
    """

    public_address: str | None = None
    fqdn: str | None = None
    public_interface: str | None = None
    network: Network | None = None
    proxy: Proxy | None = None
    data_disk: DataDisk | None = None
    storage: Storage = field(default_factory=Storage)
    secrets: Mapping[str, Chosen] = field(default_factory=dict)
    spent: tuple[Chosen, ...] = ()
    user_variables: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False
    notes: tuple[str, ...] = ()
