"""JSON Schema of config.yaml for editors, of the table the appliance's reader goes by.

It cannot know what takes arithmetic (is the gateway in the address's network?), which secrets there
are, or that a value of BOOTSTRAP_OPTS fits its word; the reader and `aio-image seed` do.
"""

from __future__ import annotations

from typing import Any

import yaml

from aio_image.appliance.config import bootstrap, kinds, words
from aio_image.appliance.config.keys import BY_NAME, KEYS, LIST, SECTION, Key, inside

_NULL = {"type": "null"}
_DEVICE_WORD = "(^|\\s)bootstrap_host_data_disk_device="


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12). Every key may be empty, which asks for nothing."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "/etc/aio/config.yaml",
        "description": "What the owner of an appliance asks for. All of it is optional.",
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {name: _described(BY_NAME[name]) for name in KEYS},
        # A disk has to be named, here or in BOOTSTRAP_OPTS.
        "if": {
            "not": {
                "required": ["bootstrap_opts"],
                "properties": {"bootstrap_opts": {"type": "string", "pattern": _DEVICE_WORD}},
            }
        },
        "then": {"properties": {"data_disk": {"anyOf": [_NULL, _with("device")]}}},
    }


def _described(key: Key) -> dict[str, Any]:
    shape = _section(key.name) if key.kind == SECTION else {"anyOf": [_shape(key.kind), _NULL]}
    about: dict[str, Any] = {"description": f"{key.says} Without it: {key.without}."}
    if key.example:
        about["examples"] = [yaml.safe_load(key.example)]
    return about | shape


def _shape(kind: str) -> dict[str, Any]:
    if kind.startswith(LIST):
        one = _shape(kind.removeprefix(LIST))
        return {"anyOf": [one, {"type": "array", "items": one}]}
    match kind:
        case "yes or no":
            return _yes_or_no(*kinds.YES, *kinds.NO)
        case "secrets":
            return _secrets()
        case "variables":
            return {"type": "object", "propertyNames": _text("[A-Za-z_][A-Za-z0-9_]*")}
        case "bootstrap options":
            known = "|".join(bootstrap.words())
            return {"type": "string", "pattern": rf"^\s*((?:{known})=\S*(\s+|$))*$"}
        case _:
            return _text(kinds.PATTERNS[kind])


def _section(name: str) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": {one: _described(BY_NAME[f"{name}.{one}"]) for one in inside(name)},
    }
    if name == "proxy":
        shape |= {"anyOf": [_NULL, _with("http"), _with("https")]}
    if name == "network":
        shape |= {"allOf": _routes()}
    return shape


def _routes() -> list[dict[str, Any]]:
    """A fixed address has a gateway or no default route; DHCP brings its own."""
    fixed = _with("address", {"type": "string", "not": {"const": "dhcp"}})
    without_route = _with("default_route", _yes_or_no(*kinds.NO))
    return [
        {"if": _with("gateway"), "then": {"allOf": [fixed, {"not": without_route}]}},
        {
            "if": {"allOf": [fixed, {"not": without_route}]},
            "then": {"anyOf": [_NULL, _with("gateway")]},
        },
    ]


def _secrets() -> dict[str, Any]:
    spelled = _text(f"{words.PLAIN[:-1]}{{{words.SHORTEST},{words.LONGEST}}}")
    return {
        "type": "object",
        "propertyNames": _text("[A-Za-z0-9_.-]{1,60}"),
        "additionalProperties": {
            "anyOf": [
                spelled,
                # Digits without quotes are numbers to an editor, and text to the appliance.
                {"type": "integer", "minimum": 10 ** (words.SHORTEST - 1)},
                _NULL,
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["file"],
                    "properties": {"file": {"anyOf": [_text("/.*"), _NULL]}},
                },
            ]
        },
    }


def _with(key: str, value: dict[str, Any] | None = None) -> dict[str, Any]:
    """A mapping in which ``key`` says something (``value``)."""
    return {
        "type": "object",
        "required": [key],
        "properties": {key: value if value is not None else {"not": _NULL}},
    }


def _text(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


def _yes_or_no(*said: str) -> dict[str, Any]:
    """YAML 1.1 knows yes and no, editors' YAML 1.2 true and false only: those are words to it."""
    of_any_case = ["".join(f"[{c.upper()}{c}]" for c in word) for word in said]
    values = [value for value, word in ((True, "true"), (False, "false")) if word in said]
    return {"anyOf": [{"enum": values}, _text("|".join(of_any_case))]}
