"""``secrets``: chosen values, spelled in the configuration or kept in a file of their own."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

import yaml

from ..ledger import Secret
from .model import Chosen
from .nodes import Problems, entries, is_null, span_of, word_of
from .words import wrong_with

_LARGEST = 4096
# Gives the text of a file that is named; raises ValueError with what is wrong with it.
Opener = Callable[[str], str]


def read(
    node: yaml.Node,
    text: str,
    known: Mapping[str, Secret],
    opener: Opener | None,
    problems: Problems,
) -> dict[str, Chosen]:
    """The chosen secrets. ``known`` are those there are.

    The value is empty where a file is not looked into, without an ``opener``, and where it holds
    nothing but ``x``: an earlier boot took it over, and a power cut kept it from removing it.
    """
    if is_null(node):
        return {}
    found: dict[str, Chosen] = {}
    for name, (_, value) in entries(node, "secrets", problems, known, told=False).items():
        key = f"secrets.{name}"
        if isinstance(value, yaml.MappingNode):
            one = _from_file(value, key, text, opener, problems)
        else:
            one = _spelled(value, key, text, problems)
        refused = known[name].refuses(one.value) if one is not None and one.value else None
        if refused:
            problems.add(value, key, refused)
        elif one is not None:
            found[name] = one
    return found


def _spelled(node: yaml.Node, key: str, text: str, problems: Problems) -> Chosen | None:
    value = word_of(node, key, problems)
    if value is None:
        return None  # blank: drawn, or taken over by an earlier boot
    wrong = wrong_with(value)
    if wrong:
        # Never the value itself: this line goes to the console.
        problems.add(node, key, wrong)
        return None
    return Chosen(value, span_of(text, node.start_mark.index, node.end_mark.index))


def _from_file(
    node: yaml.MappingNode, key: str, text: str, opener: Opener | None, problems: Problems
) -> Chosen | None:
    named = entries(node, key, problems, ("file",), told=False).get("file")
    if named is None:
        if not node.value:
            problems.add(node, key, "must be a value, or {file: PATH}")
        return None
    name_node, path_node = named
    path = word_of(path_node, key, problems)
    if path is None:
        return None
    if not path.startswith("/") or "\0" in path:
        problems.add(path_node, key, "file: must be a path from /, as /root/admin-password")
        return None
    try:
        value = _content(path, opener)
    except ValueError as error:
        problems.add(path_node, key, f"{path}: {error}")
        return None
    # A block mapping's own end is that of the line: only what is said is blanked.
    start, end = name_node.start_mark.index, path_node.end_mark.index
    if node.flow_style:
        start, end = node.start_mark.index, node.end_mark.index
    return Chosen(value, span_of(text, start, end), path)


def _content(path: str, opener: Opener | None) -> str:
    if opener is None:
        return ""
    value = opener(path)
    if value and not value.strip("x"):
        return ""
    wrong = wrong_with(value)
    if wrong:
        raise ValueError(f"its content {wrong}")
    return value


def from_files_below(root: Path) -> Opener:
    """Looks into files below ``root``, without the line end that an editor leaves."""

    def opened(path: str) -> str:
        place = root / path.lstrip("/")
        try:
            # It will be removed: what a link points to is not what was named.
            handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise ValueError("is not there; write it, or choose the secret here") from None
        except OSError as error:
            raise ValueError(f"cannot be read: {os.strerror(error.errno or 0)}") from None
        try:
            facts = os.fstat(handle)
            if not stat.S_ISREG(facts.st_mode) or facts.st_nlink > 1:
                raise ValueError("is not a plain file with one name, which could be removed")
            data = os.read(handle, _LARGEST + 1)
        finally:
            os.close(handle)
        if len(data) > _LARGEST:
            raise ValueError("is too long for a secret")
        try:
            return data.decode("ascii").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise ValueError("may hold letters, digits and . _ ~ - only") from None

    return opened
