"""From YAML to one flat table of what was asked, by dotted key; each with the line it is on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from .keys import BY_NAME, KEYS, LIST, SECTION, inside
from .kinds import read_as
from .model import Chosen
from .nodes import Problems, compose, entries, is_null, line_of, word_of, words_of

if TYPE_CHECKING:
    from ..ledger import Secret
    from .secrets import Opener


WRONG = object()


@dataclass(frozen=True)
class Asked:
    """``value`` as its kind makes it; ``WRONG`` where it is wrong, which has been said."""

    value: Any
    line: int


@dataclass
class Document:
    """``asked`` by dotted key; a section that is there has an entry of its own."""

    asked: dict[str, Asked] = field(default_factory=dict)
    secrets: Mapping[str, Chosen] = field(default_factory=dict)
    spent: tuple[Chosen, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def get(self, key: str, otherwise: Any = None) -> Any:
        """The value of ``key``; ``otherwise`` where nothing was asked, or not rightly."""
        found = self.asked.get(key)
        return otherwise if found is None or found.value is WRONG else found.value

    def said(self, key: str) -> bool:
        """Something stands there, right or wrong."""
        return key in self.asked


def read(
    data: bytes, known: Mapping[str, Secret], opener: Opener | None, problems: Problems
) -> Document:
    """What ``data`` asks for, as far as it is right; the rest is in ``problems``."""
    found = Document()
    text, root = compose(data, problems)
    if root is None:
        return found
    top = entries(root, "", problems, KEYS, cure=lambda key: _place_of(key, known))
    for key, (_, node) in top.items():
        kind = BY_NAME[key].kind
        if kind == "secrets":
            from . import secrets  # noqa: PLC0415 - what is rare is imported when it is there

            chosen = secrets.read(node, text, known, opener, problems)
            spent = {} if opener is None else {k: v for k, v in chosen.items() if not v.value}
            found.secrets = {name: one for name, one in chosen.items() if name not in spent}
            found.spent = tuple(spent.values())
        elif kind == "variables":
            from . import variables  # noqa: PLC0415

            found.variables = variables.read(node, known, problems)
        elif kind == SECTION:
            _section(key, node, found, problems)
        elif kind != "bootstrap options":
            _value(key, node, found, problems)
    if "bootstrap_opts" in top:  # last: it may repeat what the keys say, and not contradict it
        _bootstrap(top["bootstrap_opts"][1], found, problems)
    return found


def _place_of(key: str, known: Mapping[str, Secret]) -> str:
    if key in known:
        return "; it belongs under `secrets`"
    if key.startswith("bootstrap_host_"):
        return "; it belongs in bootstrap_opts: NAME=VALUE NAME=VALUE"
    place = next((name for name in BY_NAME if name.endswith(f".{key}")), None)
    return f"; it belongs under `{place.partition('.')[0]}`" if place else ""


def _section(section: str, node: yaml.Node, found: Document, problems: Problems) -> None:
    if is_null(node):
        return
    found.asked[section] = Asked(None, line_of(node))
    for key, (_, value) in entries(node, section, problems, inside(section)).items():
        _value(f"{section}.{key}", value, found, problems)


def _value(key: str, node: yaml.Node, found: Document, problems: Problems) -> None:
    kind = BY_NAME[key].kind
    if kind.startswith(LIST):
        words = words_of(node, key, problems)
        values = [_read(kind.removeprefix(LIST), key, *one, problems) for one in words or ()]
        if words is not None:
            # Once each, in their order.
            right = tuple(dict.fromkeys(one for one in values if one is not None))
            found.asked[key] = Asked(right, line_of(node))
        return
    word = word_of(node, key, problems)
    if word is not None:
        found.asked[key] = Asked(_read(kind, key, node, word, problems), line_of(node))


def _read(kind: str, key: str, node: yaml.Node, word: str, problems: Problems) -> Any:
    try:
        return read_as(kind, word)
    except ValueError as error:
        problems.add(node, key, str(error))
        return WRONG


def _bootstrap(node: yaml.Node, found: Document, problems: Problems) -> None:
    text = word_of(node, "bootstrap_opts", problems)
    if text is None:
        return
    from . import bootstrap  # noqa: PLC0415

    values, wrong, notes = bootstrap.translate(text)
    line = line_of(node)
    for message in wrong:
        problems.add(node, "bootstrap_opts", message)
    for key, value in values.items():
        said = found.asked.get(key)
        if said is not None and value not in (said.value, WRONG) and said.value is not WRONG:
            problems.add(node, "bootstrap_opts", f"contradicts {key} on line {said.line}")
        elif said is None:
            found.asked[key] = Asked(value, line)
            found.asked.setdefault(key.partition(".")[0], Asked(None, line))
    found.notes = tuple(f"bootstrap_opts: {note}" for note in notes)
