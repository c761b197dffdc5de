"""Reads a YAML file into a tree in which every value knows its line.

Only what a profile needs of YAML: mappings with text keys, lists and plain scalars. Duplicate
keys, aliases, tags and several documents in one file are problems, each with its line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from aio_image.profile.problems import Origin, Problem, shown

Scalar: TypeAlias = "str | int | float | bool | None"

_BIGGEST_FILE = 1 << 20
_DEEPEST = 12
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
# What YAML allows in a stream (its production c-printable) and libyaml refuses outside it.
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Node:
    """A value and where it stands. For an entry of a mapping that is the line of its key."""

    value: Scalar | dict[str, Node] | list[Node]
    origin: Origin

    def plain(self) -> Any:
        """The value alone, in Python's own types."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def find(self, path: tuple[str | int, ...]) -> Node:
        """The node at ``path``, or the deepest one on the way there."""
        node = self
        for part in path:
            held = node.value
            inside: Node | None = None
            if isinstance(held, dict) and isinstance(part, str):
                inside = held.get(part)
            elif isinstance(held, list) and isinstance(part, int) and part < len(held):
                inside = held[part]
            if inside is None:
                break
            node = inside
        return node


@dataclass
class Document:
    """What a file says (an empty mapping when it cannot be read) and what is wrong with it."""

    path: Path
    root: Node
    problems: list[Problem] = field(default_factory=list)


def read_document(path: Path) -> Document:
    """Read ``path``. Never raises for what is in the file: see ``Document.problems``."""
    source = shown(path)
    empty = Node({}, Origin(source))
    try:
        if path.stat().st_size > _BIGGEST_FILE:
            return Document(path, empty, [Problem(Origin(source), "", "is larger than 1 MiB")])
        raw = path.read_bytes()
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        return Document(path, empty, [Problem(Origin(source), "", f"cannot be read: {said}")])
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return Document(path, empty, [Problem(Origin(source, line), "", "is not UTF-8 text")])
    return parse_document(text, path, source)


def parse_document(text: str, path: Path, source: str) -> Document:
    """Parse ``text``; ``source`` is how the file is called in problems."""
    empty = Node({}, Origin(source))
    odd = _UNPRINTABLE.search(text)
    if odd:
        line = text.count("\n", 0, odd.start()) + 1
        message = f"holds a character YAML does not allow (U+{ord(odd.group()):04X})"
        return Document(path, empty, [Problem(Origin(source, line), "", message)])
    loader = _LOADER(text)
    try:
        top = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        return Document(path, empty, [_syntax(error, source)])
    except (RecursionError, yaml.YAMLError) as error:
        message = f"is not YAML: {' '.join(str(error).split())}"
        return Document(path, empty, [Problem(Origin(source), "", message)])
    finally:
        loader.dispose()
    if top is None:
        return Document(path, empty)
    builder = _Builder(source)
    root = builder.build(top, "", 0, top.start_mark.line + 1)
    if not isinstance(root.value, dict):
        wrong = Problem(root.origin, "", "must be a mapping of `key: value` lines")
        return Document(path, empty, [*builder.problems, wrong])
    return Document(path, root, builder.problems)


def parse_value(text: str, source: str) -> tuple[Node, list[Problem]]:
    """Parse the YAML of one value given on the command line (``--set key=value``)."""
    wrapped = parse_document(f"value: {text}\n", Path(source), source)
    problems = [Problem(Origin(source), "", p.message) for p in wrapped.problems]
    held = wrapped.root.value
    node = held.get("value") if isinstance(held, dict) and len(held) == 1 else None
    if node is None:
        if not problems:
            problems = [Problem(Origin(source), "", f"{text!r} is not one YAML value")]
        return Node(None, Origin(source)), problems
    return _at(node, Origin(source)), problems


def _at(node: Node, origin: Origin) -> Node:
    if isinstance(node.value, dict):
        return Node({key: _at(child, origin) for key, child in node.value.items()}, origin)
    if isinstance(node.value, list):
        return Node([_at(child, origin) for child in node.value], origin)
    return Node(node.value, origin)


def _syntax(error: yaml.MarkedYAMLError, source: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    said = " ".join(str(part) for part in (error.context, error.problem) if part)
    return Problem(Origin(source, mark.line + 1 if mark else 0), "", f"is not YAML: {said}")


class _Builder:
    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self._seen: set[int] = set()
        self._scalars = yaml.constructor.SafeConstructor()

    def wrong(self, line: int, key: str, message: str) -> None:
        self.problems.append(Problem(Origin(self.source, line), key, message))

    def build(self, node: yaml.Node, key: str, depth: int, line: int) -> Node:
        origin = Origin(self.source, line)
        if id(node) in self._seen:
            self.wrong(line, key, "aliases (*name) are not supported: write the value out")
            return Node(None, origin)
        self._seen.add(id(node))
        if depth > _DEEPEST:
            self.wrong(line, key, "is nested too deeply")
            return Node(None, origin)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return Node(self._mapping(node, key, depth), origin)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            items = [
                self.build(item, f"{key}[{n}]", depth + 1, item.start_mark.line + 1)
                for n, item in enumerate(node.value)
            ]
            return Node(items, origin)
        if isinstance(node, yaml.ScalarNode):
            return Node(self._scalar(node, key, line), origin)
        self.wrong(line, key, f"tag {node.tag.removeprefix(_TAG)} is not supported")
        return Node(None, origin)

    def _mapping(self, node: yaml.MappingNode, key: str, depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        for name_node, value_node in node.value:
            line = name_node.start_mark.line + 1
            if not isinstance(name_node, yaml.ScalarNode) or name_node.tag == _TAG + "merge":
                self.wrong(line, key, "a key is a plain word; to build on a profile use `extends`")
                continue
            name = name_node.value
            dotted = f"{key}.{name}" if key else name
            child = self.build(value_node, dotted, depth + 1, line)
            if name in entries:
                first = entries[name].origin.line
                self.wrong(line, dotted, f"is given twice, first in line {first}")
                continue
            entries[name] = child
        return entries

    def _scalar(self, node: yaml.ScalarNode, key: str, line: int) -> Scalar:
        kind = node.tag.removeprefix(_TAG)
        if kind in ("str", "timestamp", "value"):
            return str(node.value)
        if kind == "null":
            return None
        makers = {
            "int": self._scalars.construct_yaml_int,
            "float": self._scalars.construct_yaml_float,
            "bool": self._scalars.construct_yaml_bool,
        }
        if kind not in makers:
            self.wrong(line, key, f"tag {kind} is not supported")
            return None
        try:
            made: Scalar = makers[kind](node)
        except (ValueError, KeyError):
            self.wrong(line, key, f"{node.value!r} cannot be read as {kind}")
            return None
        return made
