"""Says in our words what pydantic found wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from aio_image.profile.problems import meant
from aio_image.profile.schema import FILE_KEYS, Profile, section_of

_MUST_BE = {
    "model_type": "a mapping of keys",
    "model_attributes_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "tuple_type": "a list",
    "list_type": "a list",
    "int_type": "a whole number",
}


def dotted(path: tuple[int | str, ...]) -> str:
    """`packages.extra[2]` of ("packages", "extra", 2)."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).removeprefix(".")


def message(path: tuple[int | str, ...], found: Mapping[str, Any]) -> str:
    """One line on what is wrong at ``path``; ``found`` is an entry of ValidationError.errors()."""
    given = found["input"]
    context = found.get("ctx", {})
    must_be = _MUST_BE.get(found["type"]) or _bound(found["type"], context)
    if must_be:
        return f"must be {must_be}, not {_quoted(given)}"
    match found["type"]:
        case "extra_forbidden":
            return f"unknown key '{path[-1]}'{meant(str(path[-1]), _keys_at(path[:-1]))}"
        case "literal_error":
            choices = context["expected"].replace("'", "")
            nearest = meant(str(given), choices.replace(" or ", ", ").split(", "))
            return f"{_quoted(given)} is not one of: {choices}{nearest}"
        case "string_type":
            cure = "" if given is None else ": put it in quotes"
            return f"must be text, not {_quoted(given)}{cure}"
        case "value_error":
            return str(context["error"])
        case _:
            said = str(found["msg"])
            return f"{said[:1].lower()}{said[1:]}, not {_quoted(given)}"


def _bound(kind: str, context: Mapping[str, Any]) -> str:
    match kind:
        case "greater_than_equal":
            return f"at least {context['ge']}"
        case "greater_than":
            return f"more than {context['gt']}"
        case "less_than_equal":
            return f"at most {context['le']}"
    return ""


def _quoted(given: object) -> str:
    spelled = {None: "nothing (null)", True: "true", False: "false"}
    if given is None or isinstance(given, bool):
        return spelled[given]
    if isinstance(given, dict):
        return "a mapping"
    if isinstance(given, list | tuple):
        return "a list"
    return repr(given)


def _keys_at(path: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = Profile
    for part in path:
        section = section_of(model, str(part))
        if section is None:
            return []
        model = section
    own = list(FILE_KEYS) if not path else []
    return [*model.model_fields, *own]
