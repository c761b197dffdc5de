"""The JSON Schema: the committed copy is the model's, and judges files as the loader does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aio_image.profile.layers import shipped
from aio_image.profile.schema import json_schema
from aio_image.profile.units import format_size, parse_duration, parse_size

_COMMITTED = Path(__file__).parents[3] / "docs" / "profile.schema.json"


def test_the_committed_copy_is_in_step() -> None:
    committed = json.loads(_COMMITTED.read_text(encoding="utf-8"))
    assert committed == json_schema(), "run: aio-image profiles --schema > docs/profile.schema.json"


@pytest.mark.parametrize("name", sorted(shipped()))
def test_shipped_profiles_meet_it_and_name_it(name: str) -> None:
    path = shipped()[name]
    text = path.read_text(encoding="utf-8")
    jsonschema.validate(yaml.safe_load(text), json_schema())
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).resolve() == _COMMITTED


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": {"siez": "12 GiB"}},
        {"image": {"size": 12}},
        {"image": {"size": "12 GB"}},
        {"level": "bare"},
        {"extends": 3},
        {"test": {"limits": {"healthy": "4"}}},
        {"packages": {"extra": "jq"}},
    ],
)
def test_it_refuses_what_the_loader_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json_schema())


def test_every_key_is_described() -> None:
    schema = json_schema()
    for part in (schema, *schema["$defs"].values()):
        for key, row in part["properties"].items():
            held = schema["$defs"].get(row.get("$ref", "").rpartition("/")[2], row)
            assert held.get("description"), key


@given(st.integers(min_value=1, max_value=1 << 24))
def test_sizes_read_back(mebibytes: int) -> None:
    assert parse_size(format_size(mebibytes << 20)) == mebibytes << 20


@given(st.text(max_size=12))
def test_odd_sizes_and_times_are_value_errors(text: str) -> None:
    for parse in (parse_size, parse_duration):
        try:
            assert parse(text) >= 0
        except ValueError as error:
            assert repr(text) in str(error)


def test_sizes_and_times() -> None:
    assert parse_size("1.5 GiB") == 3 << 29
    assert parse_size("512MiB") == 512 << 20
    assert parse_duration("4 min") == 240
    with pytest.raises(ValueError, match="whole number of MiB"):
        parse_size("0.0001 MiB")
