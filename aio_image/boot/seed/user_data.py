"""A whole user-data of the owner's: is it one, and what does it tell the appliance?"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass

import yaml

from aio_image.appliance.config import Config, ConfigProblem
from aio_image.appliance.config.nodes import Problems, compose, line_of
from aio_image.boot.seed import ssh_keys
from aio_image.boot.seed.files import CONFIG_PATH
from aio_image.boot.seed.known import Known

_HEADER = "#cloud-config"
_LARGEST = 1 << 20


@dataclass(frozen=True)
class Told:
    """What of a user-data concerns us: the configuration in it, how many keys it lets in."""

    config: Config
    ssh_keys: tuple[str, ...]


def read(text: str, name: str, known: Known) -> tuple[Told, list[str]]:
    """What ``text`` tells, and every problem of it, as ``name:line: what is wrong``."""
    first = text.partition("\n")[0].strip()
    if first != _HEADER:
        return Told(Config(), ()), [f"{name}:1: must begin with the line {_HEADER}"]
    problems = Problems()
    _, root = compose(text.encode(), problems)
    wrong = [f"{name}: {line}" for line in problems.lines]
    top = _mapping(root)
    if root is not None and not isinstance(root, yaml.MappingNode):
        wrong.append(f"{name}:{line_of(root)}: must be a mapping of `key: value` lines")
    config = Config()
    for entry in _items(top.get("write_files")):
        file = _mapping(entry)
        if _text(file.get("path")) != CONFIG_PATH:
            continue
        config, more = _config(file, f"{name}:{line_of(entry)}: {CONFIG_PATH}", known)
        wrong += more
    keys = []
    for node in _items(top.get("ssh_authorized_keys")):
        if ssh_keys.is_key(_text(node)):
            keys.append(_text(node))
        else:
            wrong.append(f"{name}:{line_of(node)}: ssh_authorized_keys: is not a public key")
    return Told(config, tuple(keys)), wrong


def _config(file: dict[str, yaml.Node], where: str, known: Known) -> tuple[Config, list[str]]:
    wrong = []
    if _text(file.get("permissions")) not in ("0600", "0400", "600", "400", "0o600", "0o400"):
        wrong.append(f"{where}: may be read by others; add permissions: '0600'")
    if "defer" in file and _text(file["defer"]).lower() in ("true", "yes", "on"):
        wrong.append(f"{where}: `defer` writes it after the appliance has read it; leave it out")
    try:
        data = _decoded(_text(file.get("content")), _text(file.get("encoding")).lower())
        return known.read(data), wrong
    except ConfigProblem as problem:
        return Config(), [*wrong, *(f"{where}: {line}" for line in problem.details)]
    except ValueError as error:
        return Config(), [*wrong, f"{where}: {error}"]


def _decoded(content: str, encoding: str) -> bytes:
    """cloud-init's encodings of write_files. Raises ValueError."""
    kinds = {
        "": "", "text/plain": "", "b64": "b", "base64": "b", "gz": "g", "gzip": "g",
        "gz+base64": "bg", "gzip+base64": "bg", "gz+b64": "bg", "gzip+b64": "bg",
    }  # fmt: skip
    if encoding not in kinds:
        raise ValueError(f"encoding must be one of: {', '.join(kinds)[2:]}")
    data = content.encode()
    try:
        if "b" in kinds[encoding]:
            data = base64.b64decode(data)
        if "g" in kinds[encoding]:
            reader = zlib.decompressobj(31)
            data = reader.decompress(data, _LARGEST)
            if not reader.eof:
                raise ValueError("content is cut off, or larger than 1 MiB")
    except (binascii.Error, zlib.error):
        raise ValueError(f"content is not {encoding}") from None
    return data


def _mapping(node: yaml.Node | None) -> dict[str, yaml.Node]:
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, yaml.ScalarNode)}


def _items(node: yaml.Node | None) -> list[yaml.Node]:
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _text(node: yaml.Node | None) -> str:
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""
