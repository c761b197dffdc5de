"""The configuration in force: what the last settle read, kept without its secrets in the record.

A boot on which ``config.yaml`` is as it was takes it from there, and reads no YAML. A later boot
whose file is broken goes on with it.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import asdict
from typing import Any

from . import config, ledger
from .config import Config, DataDisk, Network, Proxy, Storage
from .layout import Layout
from .machine import Record
from .problems import ApplianceProblem


def fingerprint(layout: Layout) -> str:
    """Of ``config.yaml``'s bytes; empty when there is none."""
    try:
        return hashlib.sha256(layout.config.read_bytes()).hexdigest()[:32]
    except FileNotFoundError:
        return ""


def keep(config: Config, fingerprint: str) -> dict[str, Any]:
    """``config`` for the record (JSON types)."""
    content = asdict(config)
    del content["secrets"], content["spent"]
    return {"fingerprint": fingerprint, "content": content}


def recall(kept: dict[str, Any]) -> Config:
    """The configuration of the record; an empty one when nothing was ever kept."""
    content = dict(kept.get("content", {}))
    if content.get("network"):
        network = content["network"]
        network = {
            **network,
            "nameservers": tuple(network["nameservers"]),
            "search": tuple(network["search"]),
        }
        content["network"] = Network(**network)
    if content.get("proxy"):
        proxy = content["proxy"]
        content["proxy"] = Proxy(**{**proxy, "without": tuple(proxy["without"])})
    if content.get("data_disk"):
        content["data_disk"] = DataDisk(**content["data_disk"])
    content["notes"] = tuple(content.get("notes", ()))
    if "storage" in content:
        content["storage"] = Storage(**content["storage"])
    return Config(**content)


def load(layout: Layout) -> Config:
    """The configuration in force, for who comes after personalise. Its secrets are not in it."""
    return recall(_record(layout).config)


def latest(layout: Layout) -> Config:
    """As ``load``, but what ``config.yaml`` says now where it has changed since, and is right.

    For who is tried again while its owner corrects the file.
    """
    kept = _record(layout).config
    if fingerprint(layout) not in ("", kept.get("fingerprint")):
        with contextlib.suppress(ApplianceProblem):
            return config.load(layout.config, ledger.load(layout.ledger).secrets)
    return recall(kept)


def values(layout: Layout) -> dict[str, str]:
    """What was settled: ``address``, ``host``, ``others``, ``interface``, ``hypervisor``."""
    return _record(layout).values


def _record(layout: Layout) -> Record:
    return Record.load(layout.state, layout.personalised.read_text("utf-8").strip())
