"""The ledger: which file, account and user of the image spells which canary.

Format: docs/architecture.md, "Secrets". Its source is the deployer's secrets.yaml; the seal checks
it against the tree in both directions before anything believes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aio_image import deployers
from aio_image.appliance import roots
from aio_image.bake.canary import canary
from aio_image.bake.scan import Finding

PATH = "usr/lib/aio/ledger.json"
FORMAT = 1
# RFC 2606 keeps .invalid from ever being a real name.
ENDPOINT_HOST = "aio-canary.invalid"


@dataclass(frozen=True)
class Ledger:
    """The secrets of one bake. ``secrets`` are rows of the deployer's table."""

    deployer: str
    bake_id: str
    secrets: tuple[deployers.Secret, ...]

    @classmethod
    def of(cls, deployer: str, bake: str, services: Iterable[str]) -> Ledger:
        """The ledger of a bake of ``services`` with the bake id ``bake``."""
        rows = deployers.load(deployer).secrets_of(tuple(services))
        return cls(deployer, bake, rows)

    def canaries(self) -> dict[str, str]:
        """Canary → name of its secret."""
        return {canary(self.bake_id, row.name, row.length): row.name for row in self.secrets}

    def dump(self) -> dict[str, Any]:
        """The ledger as JSON types."""
        return {
            "format": FORMAT,
            "deployer": self.deployer,
            "bake_id": self.bake_id,
            "secrets": [
                {
                    "name": row.name,
                    "length": row.length,
                    "files": list(row.files),
                    "mariadb": list(row.mariadb),
                    "keystone": list(row.keystone),
                    "rabbitmq": list(row.rabbitmq),
                    "pattern": row.pattern,
                }
                for row in self.secrets
            ],
            "endpoint_host": ENDPOINT_HOST,
        }

    def text(self) -> str:
        return json.dumps(self.dump(), indent=1) + "\n"


def spread(ledger: Ledger, findings: Collection[Finding], tree: Path) -> Ledger:
    """``ledger`` with each file wherever in the containers of ``tree`` it spells its canary.

    A file that does so nowhere stays as it is named. Without containers nothing changes.
    """
    if not roots.containers(tree):
        return ledger
    known = ledger.canaries()
    spelled = {(one.path, _named(one.text, known)) for one in findings}
    places = {file: tuple(roots.places(tree, file)) for row in ledger.secrets for file in row.files}

    def placed(row: deployers.Secret) -> deployers.Secret:
        files: list[str] = []
        for file in row.files:
            files += [one for one in places[file] if (one, row.name) in spelled] or [file]
        return replace(row, files=tuple(files))

    return replace(ledger, secrets=tuple(placed(row) for row in ledger.secrets))


def load(path: Path) -> dict[str, Any]:
    """A ledger file as JSON types."""
    body: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return body


def disagreements(
    ledger: Ledger, findings: Iterable[Finding], real: Callable[[str], str] = str
) -> list[str]:
    """Where a tree and its ledger differ, one line each; none when they agree.

    ``findings`` are all places of the tree where a canary's prefix was met, paths absolute as
    seen in the image, without links; ``real`` says where the ledger's paths really are.
    """
    known = ledger.canaries()
    expected = {(real(path), row.name) for row in ledger.secrets for path in row.files}
    seen: set[tuple[str, str]] = set()
    problems: list[str] = []
    for finding in findings:
        name = _named(finding.text, known)
        if name is None:
            problems.append(
                f"{finding.path} (byte {finding.offset}): a canary of no secret in the ledger"
            )
        elif (finding.path, name) in expected:
            seen.add((finding.path, name))
        else:
            problems.append(
                f"{finding.path} (byte {finding.offset}): holds {name}, but not by the ledger"
            )
    problems += [
        f"{path}: the ledger says it holds {name}, but it does not"
        for path, name in sorted(expected - seen)
    ]
    return problems


def _named(text: str, known: Mapping[str, str]) -> str | None:
    # What follows a canary may be letters too (a URL's "@" is not, a base64 neighbour is).
    return next((name for value, name in known.items() if text.startswith(value)), None)
