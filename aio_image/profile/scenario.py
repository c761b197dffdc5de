"""The SCENARIO words of OpenStack-Ansible: what they mean, and which may stand together.

The words are data (`scenario.yaml`); what a deployer can serve of them is the deployer's own data.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from aio_image.profile.ability import Ability
from aio_image.profile.problems import meant


@dataclass(frozen=True)
class Group:
    """Words of one kind. ``default`` is what holds when none is given (empty: nothing)."""

    exclusive: bool = False
    required: bool = False
    default: str = ""
    only_with: str = ""


@dataclass(frozen=True)
class Word:
    """One word. ``adds`` come with it, except those that ``unless`` maps to a word also given."""

    name: str
    group: str
    means: str = ""
    adds: tuple[str, ...] = ()
    unless: Mapping[str, str] | None = None
    refused: str = ""


@dataclass(frozen=True)
class Vocabulary:
    groups: Mapping[str, Group]
    words: Mapping[str, Word]
    always: tuple[str, ...]


@dataclass(frozen=True)
class Scenario:
    """A checked scenario: its words as written, and all that they stand for, sorted."""

    text: str
    words: tuple[str, ...]
    expanded: tuple[str, ...]

    def __contains__(self, word: object) -> bool:
        return word in self.expanded

    @property
    def services(self) -> tuple[str, ...]:
        """The words that are services, sorted."""
        known = vocabulary().words
        return tuple(word for word in self.expanded if known[word].group == "service")


@cache
def vocabulary() -> Vocabulary:
    """All words, from `scenario.yaml` beside this module."""
    raw: dict[str, Any] = yaml.load(
        Path(__file__).with_name("scenario.yaml").read_text(encoding="utf-8"),
        Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader),
    )
    words = {
        name: Word(name=name, **{**row, "adds": tuple(row.get("adds", ()))})
        for name, row in raw["words"].items()
    }
    groups = {name: Group(**row) for name, row in raw["groups"].items()}
    return Vocabulary(groups, words, tuple(raw["always"]))


def expand(words: Collection[str]) -> tuple[str, ...]:
    """Everything ``words`` (known ones) stand for, sorted, as OpenStack-Ansible expands them."""
    known = vocabulary()
    found: set[str] = set(known.always)
    waiting = list(words)
    while waiting:
        word = known.words[waiting.pop()]
        if word.name in found and word.name not in words:
            continue
        found.add(word.name)
        unless = word.unless or {}
        waiting += [
            name for name in word.adds if name not in found and unless.get(name) not in words
        ]
    for name, group in known.groups.items():
        meant_here = not group.only_with or group.only_with in found
        if group.default and meant_here and not any(known.words[w].group == name for w in found):
            found.add(group.default)
    return tuple(sorted(found))


def read_scenario(text: str, ability: Ability | None) -> tuple[Scenario | None, list[str]]:
    """Check ``text`` (words joined by ``_``) for a deployer; None checks the language only.

    Gives the scenario, or None and every reason why it is none, in the order of the words.
    """
    known = vocabulary()
    wrong: list[str] = []
    words = [word for word in text.split("_") if word]
    if not words:
        return None, ["is empty: it takes words such as 'aio_metal'"]
    good: list[str] = []
    complete = True
    for word in words:
        if word in good:
            wrong.append(f"word '{word}' is given twice")
        elif word in known.words and not known.words[word].refused:
            good.append(word)
        elif word in known.words:
            wrong.append(f"word '{word}' is refused: {known.words[word].refused}")
            complete = False
        else:
            wrong.append(f"unknown word '{word}'{meant(word, known.words)}")
            complete = False
    wrong += _against_groups(good, complete=complete)
    if ability:
        wrong += _against_ability(good, ability, complete=complete)
    if wrong:
        return None, wrong
    return Scenario(text, tuple(words), expand(good)), []


def _against_groups(words: list[str], *, complete: bool) -> list[str]:
    known = vocabulary()
    wrong = []
    for name, group in known.groups.items():
        mine = [word for word in words if known.words[word].group == name]
        if group.exclusive and len(mine) > 1:
            listed = ", ".join(f"'{word}'" for word in mine)
            wrong.append(f"words {listed} exclude each other: keep one")
        if group.required and not mine and complete:
            choices = ", ".join(f"'{w.name}'" for w in known.words.values() if w.group == name)
            wrong.append(f"names no {name}: it needs one of {choices}")
        only = group.only_with
        others = [w for w in words if only and known.words[w].group == known.words[only].group]
        if mine and others and only not in others:
            wrong.append(f"word '{mine[0]}' means something only with '{only}', not '{others[0]}'")
    return wrong


def _against_ability(words: list[str], ability: Ability, *, complete: bool) -> list[str]:
    known = vocabulary()
    services = {word.name for word in known.words.values() if word.group == "service"}
    refused = [w for w in words if w not in ability.words and w not in ability.services]
    wrong = []
    for what, kind, has in (
        ("serve", set(refused) - services, ability.words - services),
        ("set up", set(refused) & services, (ability.services | ability.words) & services),
    ):
        if kind:
            mine = ", ".join(f"'{word}'" for word in refused if word in kind)
            may = ", ".join(sorted(has))
            wrong.append(f"the {ability.deployer} deployer cannot {what} {mine}; it knows {may}")
    if complete and not wrong:
        lacking = [word for word in ability.required if word not in words]
        wrong += [f"the {ability.deployer} deployer needs the word '{word}'" for word in lacking]
    return wrong
