"""How OpenStack-Ansible is run while an image is built, from ``deploy.yaml``."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_TABLE = Path(__file__).with_name("deploy.yaml")


@dataclass(frozen=True)
class SecretRule:
    """``ends``: how names end that it is for. ``length`` 0: a UUID."""

    ends: str
    length: int


@dataclass(frozen=True)
class Afterwards:
    """A shell script; ``home``: the middle of its container's name, "" for the host itself."""

    home: str
    run: str


@dataclass(frozen=True)
class Deployment:
    """The table; its words are explained in deploy.yaml."""

    addresses: Mapping[str, str]
    external_name: str
    bootstrap: Mapping[str, Any]
    kept: Mapping[str, Any]
    bake: Mapping[str, Any]
    modules: tuple[str, ...]
    stand_ins: Mapping[str, str]
    idle: Mapping[str, str]
    tasks: Mapping[str, int]
    after: Mapping[str, tuple[Afterwards, ...]]
    secrets: tuple[SecretRule, ...]

    def length_of(self, secret: str) -> int:
        """How long the canary of ``secret`` is; 0: it is a UUID."""
        return next(rule.length for rule in self.secrets if secret.endswith(rule.ends))


@cache
def deployment() -> Deployment:
    """The table, read once."""
    raw = yaml.safe_load(_TABLE.read_text("utf-8"))
    return Deployment(
        addresses=dict(raw["addresses"]),
        external_name=raw["external_name"],
        bootstrap=dict(raw["bootstrap"]),
        kept=dict(raw["kept"]),
        bake=dict(raw["bake"]),
        modules=tuple(raw["modules"]),
        stand_ins=dict(raw["stand_ins"]),
        idle=dict(raw["idle"]),
        tasks={
            name: int(row["tasks"])
            for part in ("scripts", "playbooks")
            for name, row in raw[part].items()
        },
        after={
            name: tuple(Afterwards(one.get("home", ""), one["run"]) for one in row.get("after", ()))
            for name, row in raw["playbooks"].items()
        },
        secrets=tuple(SecretRule(row["ends"], int(row.get("length", 0))) for row in raw["secrets"]),
    )


def secret_names(text: str) -> tuple[str, ...]:
    """The names of all secrets; ``text`` is a release's etc/openstack_deploy/user_secrets.yml."""
    return tuple(yaml.safe_load(text))


def secrets_of(names: Iterable[str], canary: Any, bake: str) -> dict[str, str]:
    """The content of user_secrets.yml in the bake ``bake``: ``canary(bake, name, length)`` each.

    A UUID is made of the same digest, so that a bake of equal inputs has equal ones.
    """
    table = deployment()
    return {
        name: canary(bake, name, length) if (length := table.length_of(name)) else _uuid(bake, name)
        for name in names
    }


def _uuid(bake: str, name: str) -> str:
    digest = hashlib.sha256(f"{bake}/{name}".encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))
