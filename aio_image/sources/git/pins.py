"""A lock file: the commit of every git repository a build may use, and how it was come by.

    format: 1
    deployer: openstack-ansible
    series: '2026.1'
    release: 33.0.1
    scenario: aio_metal
    sources:
      - {name: os_nova, kind: role, url: https://..., asked: <ref>, commit: <40 hex>}
    left_out:
      - {name: frrouting, kind: role, url: https://..., asked: <ref>}

``instead`` beside a source says what was taken because the asked commit was not to be had.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from aio_image.errors import ProfileError

_COMMIT = re.compile(r"[0-9a-f]{40}")
_HEAD = "# Made by `aio-image lock`. A build uses these commits and nothing else.\n"


@dataclass(frozen=True)
class Pin:
    """``asked`` is what the release names. ``version``: as git describes the commit, for pbr.

    ``instead`` is empty, or says which other commit this is ("head of stable/2026.1").
    """

    name: str
    kind: str
    url: str
    asked: str
    commit: str
    version: str = ""
    instead: str = ""


@dataclass(frozen=True)
class LeftOut:
    """A repository that was explicitly done without."""

    name: str
    kind: str
    url: str
    asked: str


@dataclass(frozen=True)
class Lock:
    """``release`` is a tag, branch or commit of the deployer, as asked or found."""

    deployer: str
    series: str
    release: str
    scenario: str
    sources: tuple[Pin, ...]
    left_out: tuple[LeftOut, ...] = field(default=())

    def of_kind(self, *kinds: str) -> list[Pin]:
        """The sources of ``kinds``, in the file's order."""
        return [pin for pin in self.sources if pin.kind in kinds]

    def digest(self) -> str:
        """SHA-256 of what a build depends on: names and commits."""
        lines = sorted(f"{pin.kind} {pin.name} {pin.url} {pin.commit}\n" for pin in self.sources)
        lines += sorted(f"without {one.kind} {one.name}\n" for one in self.left_out)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def text(self) -> str:
        """The file's content."""
        content: dict[str, Any] = {
            "format": 1,
            "deployer": self.deployer,
            "series": self.series,
            "release": self.release,
            "scenario": self.scenario,
            "sources": [_short(asdict(pin)) for pin in self.sources],
        }
        if self.left_out:
            content["left_out"] = [asdict(one) for one in self.left_out]
        return _HEAD + yaml.safe_dump(content, sort_keys=False, width=1000)


def read(path: Path) -> Lock:
    """The lock at ``path``. Raises ProfileError with every problem, each with its line."""
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ProfileError(
            f"{path}: {error.strerror}", hint="`aio-image lock PROFILE` makes it"
        ) from error
    except UnicodeDecodeError as error:
        raise ProfileError(f"{path}: is not UTF-8 text") from error
    return parse(text, str(path))


def parse(text: str, path: str = "the lock") -> Lock:
    """The lock that ``text`` is; ``path`` is what errors call it. Raises as ``read`` does."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        table = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ProfileError(f"{path}: is not YAML: {str(error).splitlines()[0]}") from error
    wrong = _problems(root, table)
    if wrong:
        raise ProfileError(
            f"{path}: {len(wrong)} problem{'s' if len(wrong) > 1 else ''}",
            details=[f"{path}:{line}: {what}" for line, what in wrong],
            hint="`aio-image lock PROFILE` makes it anew",
        )
    return Lock(
        deployer=table["deployer"],
        series=str(table["series"]),
        release=str(table["release"]),
        scenario=table["scenario"],
        sources=tuple(Pin(**row) for row in table["sources"]),
        left_out=tuple(LeftOut(**row) for row in table.get("left_out", ())),
    )


def _short(row: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in row.items() if value}


def _problems(root: yaml.Node | None, table: Any) -> list[tuple[int, str]]:
    if not isinstance(root, yaml.MappingNode):
        return [(1, "is not a lock: it must be a mapping")]
    lines = {key.value: key.start_mark.line + 1 for key, _ in root.value}
    nodes = {key.value: value for key, value in root.value}
    wrong = []
    wanted = ("format", "deployer", "series", "release", "scenario", "sources")
    wrong += [(1, f"{key}: is missing") for key in wanted if key not in lines]
    known = (*wanted, "left_out")
    wrong += [(line, f"{key}: unknown key") for key, line in lines.items() if key not in known]
    if "format" in table and table["format"] != 1:
        wrong.append((lines["format"], f"format: {table['format']} is not known here"))
    for key, model in (("sources", Pin), ("left_out", LeftOut)):
        if key in nodes:
            wrong += _rows(key, nodes[key], table[key], _fields(model))
    return sorted(wrong)


def _fields(model: type[Pin] | type[LeftOut]) -> dict[str, bool]:
    """Key of a row → whether it has to be there."""
    return {name: name not in ("version", "instead") for name in model.__dataclass_fields__}


def _rows(key: str, node: yaml.Node, rows: Any, fields: dict[str, bool]) -> list[tuple[int, str]]:
    if not isinstance(node, yaml.SequenceNode):
        return [(node.start_mark.line + 1, f"{key}: must be a list")]
    wrong: list[tuple[int, str]] = []
    for number, (each, row) in enumerate(zip(node.value, rows, strict=True)):
        line, name = each.start_mark.line + 1, f"{key}[{number}]"
        if not isinstance(row, dict):
            wrong.append((line, f"{name}: must be a mapping"))
            continue
        wrong += [(line, f"{name}: {one}: is missing") for one in _absent(fields, row)]
        for one, value in row.items():
            if one not in fields:
                wrong.append((line, f"{name}: {one}: unknown key"))
            elif not isinstance(value, str):
                wrong.append((line, f"{name}: {one}: must be text: put it in quotes"))
            elif one == "commit" and not _COMMIT.fullmatch(value):
                wrong.append((line, f"{name}: commit: {value!r} is not 40 hexadecimal digits"))
    return wrong


def _absent(fields: dict[str, bool], row: dict[str, Any]) -> Sequence[str]:
    return [name for name, needed in fields.items() if needed and name not in row]
