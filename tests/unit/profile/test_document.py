"""The loader: whatever is in a file, it says what is wrong and where, and raises nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aio_image.profile.document import Node, parse_document, parse_value, read_document
from aio_image.profile.problems import Origin

_HERE = Path("profile.yaml")

_words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
_scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _words
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_words, inner, max_size=4),
    max_leaves=12,
)


def _parse(text: str) -> tuple[Any, list[str]]:
    document = parse_document(text, _HERE, "profile.yaml")
    return document.root.plain(), [str(problem) for problem in document.problems]


@given(st.text(max_size=400))
def test_any_text_gives_a_mapping_or_a_problem(text: str) -> None:
    value, problems = _parse(text)
    assert isinstance(value, dict)
    assert all(problem.startswith("profile.yaml") for problem in problems)
    if not problems:
        # YAML itself finds the same keys in it (its base loader leaves them as text).
        assert set(value) == set(yaml.load(text, Loader=yaml.BaseLoader) or {})


@given(st.dictionaries(_words, _values, max_size=6))
def test_what_yaml_writes_is_read_back(written: dict[str, Any]) -> None:
    text = yaml.dump(written, Dumper=_NoAliases, allow_unicode=True)
    value, problems = _parse(text)
    assert problems == []
    assert value == written


class _NoAliases(yaml.SafeDumper):
    def ignore_aliases(self, _data: Any) -> bool:
        return True


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=12))
def test_every_value_knows_the_line_of_its_key(keys: list[str]) -> None:
    text = "".join(f"{key}:\n  inner: {n}\n" for n, key in enumerate(keys))
    document = parse_document(text, _HERE, "profile.yaml")
    held = document.root.value
    assert isinstance(held, dict)
    for key, node in held.items():
        first = keys.index(key)
        assert node.origin == Origin("profile.yaml", 2 * first + 1)
        assert node.find(("inner",)) == Node(first, Origin("profile.yaml", 2 * first + 2))
    assert len(document.problems) == len(keys) - len(set(keys))


@given(st.binary(max_size=200))
def test_any_bytes_in_a_file(tmp_path_factory: pytest.TempPathFactory, raw: bytes) -> None:
    path = tmp_path_factory.mktemp("raw") / "profile.yaml"
    path.write_bytes(raw)
    document = read_document(path)
    assert isinstance(document.root.value, dict)


def test_depth_is_limited_without_recursion_errors() -> None:
    for text in ("a: " + "[" * 5000, "a: " + "{a: " * 30 + "}" * 30, "a: " + "[" * 20 + "]" * 20):
        assert _parse(text)[1]


def test_aliases_cannot_blow_up() -> None:
    text = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    assert "aliases" in _parse(text)[1][0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("day: 2026-11-22", {"day": "2026-11-22"}),
        ("on: 1", {"on": 1}),
        ("12: x", {"12": "x"}),
        ("", {}),
        ("# only a comment", {}),
    ],
)
def test_plain_readings(text: str, value: dict[str, Any]) -> None:
    assert _parse(text) == (value, [])


def test_a_folder_and_an_unreadable_byte_are_problems(tmp_path: Path) -> None:
    assert "cannot be read" in str(read_document(tmp_path).problems[0])
    file = tmp_path / "x.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    assert str(read_document(file).problems[0]) == f"{file}:2: is not UTF-8 text"
    file.write_bytes(b"a: 1\nb: \x00\n")
    assert ":2: holds a character" in str(read_document(file).problems[0])
    file.write_bytes(b"#" * (1 << 20) + b"\n")
    assert "larger than" in str(read_document(file).problems[0])


@given(st.text(max_size=60))
def test_any_value_on_the_command_line(text: str) -> None:
    node, problems = parse_value(text, "--set a")
    assert node.origin == Origin("--set a")
    assert all(problem.origin == Origin("--set a") for problem in problems)


def test_a_value_cannot_bring_more_keys() -> None:
    assert parse_value("1\nother: 2", "--set a")[1]
    assert parse_value("[1, {b: 2}]", "--set a")[0].plain() == [1, {"b": 2}]
