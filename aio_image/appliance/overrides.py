"""OpenStack-Ansible's ``<service>_<file>_overrides`` of ``user_variables``, as drop-in files.

Which word is which file's stands in settle.json. A drop-in is read after the file it adds to; one
that is not asked for any more goes. Where there are playbooks, every other word is theirs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import roots
from .config import Config
from .files import remove, write_atomic
from .layout import Layout
from .problems import ApplianceProblem
from .table import Row, Table

_BY = "# Written by aio from user_variables of /etc/aio/config.yaml.\n"
_SECTION = re.compile(r"[^\[\]\n\r]{1,100}")
_OPTION = re.compile(r"[A-Za-z0-9_.:/*-]{1,100}")
_TEMPLATE = re.compile(r"\{\{|\{%|\{#")


class _Wrong(Exception):
    """What is wrong with the value of a word."""


def render(config: Config, table: Table, where: str = "") -> dict[str, str]:
    """Word → content of its drop-in, for the words that are asked for. Raises ApplianceProblem.

    ``where`` is the configuration as text, to name lines of.
    """
    wrong: list[str] = []
    found: dict[str, str] = {}
    for word, sections in config.user_variables.items():
        line = _line(where, word)
        theirs = table.variables
        if theirs is not None and word in theirs.instead:
            cure = f"say it by {theirs.instead[word]}"
            wrong.append(f"{line}user_variables.{word}: is the appliance's own; {cure}")
            continue
        if theirs is not None and not at_once(table, word, sections):
            continue
        if word not in table.overrides:
            wrong.append(f"{line}user_variables.{word}: not known here{_cure(word, table)}")
            continue
        try:
            found[word] = _BY + _ini(sections)
        except _Wrong as error:
            wrong.append(f"{line}user_variables.{word}: {error}")
    if wrong:
        count = len(wrong)
        raise ApplianceProblem(
            f"/etc/aio/config.yaml: {count} problem{'s' if count > 1 else ''}; first: {wrong[0]}",
            hint="correct it (or the seed that wrote it) and boot again",
            details=wrong,
        )
    return found


def at_once(table: Table, word: str, sections: Any) -> bool:
    """Whether ``word`` gets a drop-in here, or what is wrong with it is told here.

    Not where it is the playbooks', and not where only they know what it comes to.
    """
    return word in table.overrides and (table.variables is None or not _for_playbooks(sections))


def _for_playbooks(sections: Any) -> bool:
    """Whether a drop-in cannot say the same as they will.

    There is a template, or an option without a value (they spell None), or one with several
    ({option: {value: }}), of which the values of every file count.
    """
    if not isinstance(sections, Mapping):
        return _templated(sections)
    options = [
        one
        for section in sections.values()
        if isinstance(section, Mapping)
        for one in section.values()
    ]
    return _templated(sections) or any(
        one is None
        or (isinstance(one, list) and None in one)
        or (isinstance(one, Mapping) and bool(one) and not any(one.values()))
        for one in options
    )


def _templated(value: Any) -> bool:
    if isinstance(value, str):
        return _TEMPLATE.search(value) is not None
    if isinstance(value, list):
        return any(_templated(one) for one in value)
    if isinstance(value, Mapping):
        return any(_templated(name) or _templated(one) for name, one in value.items())
    return False


def write(layout: Layout, table: Table, wanted: Mapping[str, str]) -> list[Row]:
    """Have the drop-ins of ``wanted`` there, and no others. The rows of those that changed.

    In each file system that has the service: of Nova some processes are in a container, and
    nova-compute is not.
    """
    changed = []
    for word, row in table.overrides.items():
        if row.path is None:
            continue
        content = wanted.get(word, "")
        given = [_write(layout, root, row, content) for root in _having(layout, row.path)]
        if any(given):
            changed.append(row)
    return changed


def _having(layout: Layout, path: str) -> list[str]:
    """The roots with the folder that ``path``'s own is in; where none has it, the host."""
    tree = layout.root
    service = str(Path(path).parent.parent)
    found = [
        root
        for root in roots.every(tree)
        if (tree / (root + roots.real(tree / root.lstrip("/"), service)).lstrip("/")).is_dir()
    ]
    return found or [roots.HOST]


def _write(layout: Layout, root: str, row: Row, content: str) -> bool:
    """Have ``content`` in the drop-in below ``root``, or none for ""; whether that changed it."""
    assert row.path is not None
    top = layout.root / root.lstrip("/")
    path = top / roots.real(top, row.path).lstrip("/")
    there = path.read_text("utf-8") if path.exists() else ""
    if there != content:
        if content:
            # A setting may be a secret: for the service and nobody else.
            write_atomic(path, content, 0o600)
        else:
            remove(path)
    if content:  # also where a power cut came before this
        if root == roots.HOST:
            layout.give(path, row.group)
        elif row.group is not None and layout.running:
            os.chown(path, -1, roots.ids(top, row.group)[1])
        path.chmod(0o640)
    return there != content


def _ini(sections: Any) -> str:
    if not isinstance(sections, Mapping):
        raise _Wrong("must be a mapping {section: {option: value}}")
    lines: list[str] = []
    for section, options in sections.items():
        if not _SECTION.fullmatch(str(section)):
            raise _Wrong(f"{str(section)[:40]!r} cannot be a section's name")
        if not isinstance(options, Mapping):
            raise _Wrong(f"{section}: must be a mapping {{option: value}}")
        lines.append(f"[{section}]")
        for option, value in options.items():
            if not _OPTION.fullmatch(str(option)):
                raise _Wrong(f"{section}: {str(option)[:40]!r} cannot be an option's name")
            lines += [f"{option} = {one}" for one in _values(section, option, value)]
    return "\n".join([*lines, ""])


def _values(section: str, option: str, value: Any) -> list[str]:
    """As OpenStack-Ansible's config_template writes them: a list is joined by commas."""
    if isinstance(value, Mapping):
        raise _Wrong(f"{section}.{option}: must be one value or a list, not a mapping")
    words = value if isinstance(value, list) else [value]
    text = ",".join("" if word is None else str(word) for word in words)
    if "\n" in text or "\r" in text:
        raise _Wrong(f"{section}.{option}: must be one line")
    return [text]


def _cure(word: str, table: Table) -> str:
    import difflib  # noqa: PLC0415 - only a wrong file pays for it

    near = difflib.get_close_matches(word, list(table.overrides), n=1, cutoff=0.5)
    known = ", ".join(sorted(table.overrides))
    return f"{f'; did you mean {near[0]}?' if near else ''} (known are {known})"


def _line(text: str, word: str) -> str:
    found = re.search(rf"^\s*[\"']?{re.escape(word)}[\"']?\s*:", text, re.MULTILINE)
    if not found:
        return ""
    return f"line {text.count(chr(10), 0, found.end()) + 1}: "
