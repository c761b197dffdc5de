"""Changing a word of ``config.yaml`` where it stands: comments, order and all else stay."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from .problems import ApplianceProblem


def with_words(text: str, words: Mapping[str, str]) -> str:
    """``text`` with each top-level key of ``words`` at its value; an empty value is a blank one.

    Raises ApplianceProblem when ``text`` is no mapping. What comes out is for the reader to check.
    """
    for key, value in words.items():
        text = _with_word(text, key, value)
    return text


def _with_word(text: str, key: str, value: str) -> str:
    try:
        # The pure Python loader: its marks count characters, libyaml's do not.
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ApplianceProblem("config.yaml: is not YAML", hint="correct it first") from error
    line = f"{key}: {value}".rstrip() + "\n"
    if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
        return text + ("" if not text or text.endswith("\n") else "\n") + line
    if not isinstance(root, yaml.MappingNode):
        raise ApplianceProblem(
            "config.yaml: must be a mapping of `key: value` lines", hint="correct it first"
        )
    for key_node, value_node in root.value:
        if key_node.value == key:
            start, end = value_node.start_mark.index, value_node.end_mark.index
            if start == key_node.end_mark.index:  # `key:`, and nothing after it
                start = end = text.index(":", start) + 1
            before = " " if text[start - 1] == ":" and value else ""
            return text[:start] + before + value + text[end:]
    start = root.start_mark.index
    if root.flow_style:
        more = ", " if root.value else ""
        return f"{text[: start + 1]}{key}: {value or '~'}{more}{text[start + 1 :]}"
    indent = " " * root.start_mark.column
    return text[:start] + line + indent + text[start:]
