"""``user_variables``: any YAML under names that are words. What they mean is the deployer's."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import Any

import yaml

from .nodes import Problems, is_null, line_of

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAG = "tag:yaml.org,2002:"
_DEEPEST = 20


def read(node: yaml.Node, secrets: Collection[str], problems: Problems) -> dict[str, Any]:
    """The variables as JSON has them: mappings, lists, text, numbers, yes and no, nothing.

    Dates stay text. A name of ``secrets`` is refused: it belongs there, where it is removed.
    """
    found: dict[str, Any] = {}
    if is_null(node):
        return found
    if not isinstance(node, yaml.MappingNode):
        problems.add(node, "user_variables", "must be a mapping of `name: value` lines")
        return found
    lines: dict[str, int] = {}
    maker = _Maker(problems)
    for name_node, value in node.value:
        name = name_node.value if isinstance(name_node, yaml.ScalarNode) else ""
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            problems.add(
                name_node, "user_variables", "has a name that is not letters, digits and _"
            )
            continue
        key = f"user_variables.{name}"
        if name in secrets:
            problems.add(name_node, key, "is a secret; move it to `secrets`")
        elif name in lines:
            problems.add(name_node, key, f"is there twice, first on line {lines[name]}")
        else:
            lines[name] = line_of(name_node)
            found[name] = maker.made(value, key, 0)
    return found


class _Maker:
    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self._seen: set[int] = set()
        self._scalars = yaml.constructor.SafeConstructor()

    def made(self, node: yaml.Node, key: str, depth: int) -> Any:
        if id(node) in self._seen:
            self.problems.add(node, key, "aliases (*name) are not taken: write the value out")
            return None
        self._seen.add(id(node))
        if depth > _DEEPEST:
            self.problems.add(node, key, "is nested too deeply")
            return None
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self._mapping(node, key, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.made(item, key, depth + 1) for item in node.value]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, key)
        self.problems.add(node, key, "has a tag (!...), which is not taken; leave it out")
        return None

    def _mapping(self, node: yaml.MappingNode, key: str, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name_node, value in node.value:
            if not isinstance(name_node, yaml.ScalarNode) or name_node.tag == f"{_TAG}merge":
                self.problems.add(name_node, key, "has a key that is not a word")
            elif name_node.value in found:
                self.problems.add(name_node, key, "has the same key twice")
            else:
                found[str(name_node.value)] = self.made(value, key, depth + 1)
        return found

    def _scalar(self, node: yaml.ScalarNode, key: str) -> Any:
        kind = node.tag.removeprefix(_TAG)
        makers = {
            "int": self._scalars.construct_yaml_int,
            "float": self._scalars.construct_yaml_float,
            "bool": self._scalars.construct_yaml_bool,
        }
        if kind in ("str", "timestamp", "value"):
            return str(node.value)
        if kind == "null":
            return None
        if kind not in makers:
            self.problems.add(node, key, "has a tag (!...), which is not taken; leave it out")
            return None
        try:
            made = makers[kind](node)
        except (ValueError, KeyError, IndexError, OverflowError):
            self.problems.add(node, key, f"has a value that cannot be read as {kind}; quote it")
            return None
        if isinstance(made, float) and not math.isfinite(made):
            self.problems.add(
                node, key, "has a number without end, which JSON cannot say; quote it"
            )
            return None
        return made
