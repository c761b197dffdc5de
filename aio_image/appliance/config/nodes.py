"""YAML as nodes, not as Python values: each error knows its line, a password of digits stays
text, and the place of each secret is known, for it is blanked there once taken over.

No message repeats a value unless its caller says so: these lines go to the console.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import yaml

from .words import did_you_mean

_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(
    _TAG + kind for kind in ("str", "int", "float", "bool", "null", "timestamp", "value")
)
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,60}")


class Problems:
    """What is wrong so far, in the order of the lines."""

    def __init__(self) -> None:
        self._found: list[tuple[int, str]] = []

    def add(self, where: yaml.Node | int, key: str, message: str) -> None:
        """``where`` is a node or a line (from 1; 0: the file as a whole)."""
        line = where if isinstance(where, int) else line_of(where)
        place = f"line {line}: " if line else ""
        self._found.append((line, f"{place}{key}: {message}" if key else f"{place}{message}"))

    def __len__(self) -> int:
        return len(self._found)

    @property
    def lines(self) -> list[str]:
        return [text for _, text in sorted(self._found, key=lambda one: one[0])]


def line_of(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def compose(data: bytes, problems: Problems) -> tuple[str, yaml.Node | None]:
    """The text and its one document; None when it is empty or cannot be read."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        problems.add(data[: error.start].count(b"\n") + 1, "", "is not UTF-8 text")
        return "", None
    try:
        # The pure Python loader: its marks count characters, libyaml's do not.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = _without_quotations(error.problem or error.context or "cannot be read")
        problems.add(mark.line + 1 if mark else 0, "", f"is not YAML: {said}")
        return text, None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problems.add(
            line, "", f"is not YAML: holds the character U+{ord(text[error.position]):04X}"
        )
        return text, None
    except (yaml.YAMLError, ValueError):
        problems.add(0, "", "is not YAML")
        return text, None
    except RecursionError:
        problems.add(0, "", "is not a configuration: nested too deeply")
        return text, None
    return text, None if root is None or is_null(root) else root


def _without_quotations(said: str) -> str:
    """What the parser says of a syntax error, without what it quotes of the file: an unquoted
    password that begins with * or ! is an alias or a tag to it.
    """
    if "alias" in said:
        return "* begins an alias: put a value that begins with it in quotes"
    if "tag" in said:
        return "! begins a tag: put a value that begins with it in quotes"
    return re.sub(r"(['\"]).{2,}\1", "...", said).splitlines()[0]


def is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == f"{_TAG}null"


def entries(
    node: yaml.Node,
    what: str,
    problems: Problems,
    known: Iterable[str],
    *,
    told: bool = True,
    cure: Callable[[str], str] | None = None,
) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """The mapping ``node`` as ``key: (key's node, value's node)``, without keys that are wrong.

    ``told`` False: an unknown key is not repeated, for it may be a secret with a blank missing
    after the colon. ``cure`` may know where an unknown key belongs; else the nearest is named.
    """
    found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    if not isinstance(node, yaml.MappingNode):
        problems.add(node, what or "the file", "must be a mapping of `key: value` lines")
        return found
    words = tuple(known)
    for key_node, value in node.value:
        key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
        if key is None or not _WORD.fullmatch(key):
            problems.add(key_node, what or "the file", "has a key that is not a word")
            continue
        dotted = f"{what}.{key}" if what else key
        if key not in words:
            name = dotted if told else what
            known_cure = cure(key) if cure else ""
            problems.add(key_node, name, f"unknown key{known_cure or did_you_mean(key, words)}")
        elif key in found:
            first = line_of(found[key][0])
            problems.add(key_node, dotted, f"is there twice, first on line {first}")
        else:
            found[key] = (key_node, value)
    return found


def word_of(node: yaml.Node, key: str, problems: Problems) -> str | None:
    """The text of one word as it is spelled; None where nothing is said or it is wrong."""
    if not isinstance(node, yaml.ScalarNode):
        problems.add(node, key, "must be one word, not a list or a mapping")
        return None
    if node.tag not in _PLAIN_TAGS:
        problems.add(node, key, "has a tag (!...), which means nothing here; leave it out")
        return None
    return None if is_null(node) else str(node.value)


def words_of(node: yaml.Node, key: str, problems: Problems) -> list[tuple[yaml.Node, str]] | None:
    """The words of a list, or of one word in its place; None where nothing is said."""
    if isinstance(node, yaml.MappingNode):
        problems.add(node, key, "must be a list: [one, two]")
        return None
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    found = []
    for item in items:
        word = word_of(item, key, problems)
        if word is not None:
            found.append((item, word))
        elif item is not node and is_null(item):
            problems.add(item, key, "has an empty entry; remove its line")
    return found or None


def span_of(text: str, start: int, end: int) -> tuple[int, int]:
    """From characters to bytes."""
    before = len(text[:start].encode())
    return before, before + len(text[start:end].encode())
