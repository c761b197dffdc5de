"""Putting one cloud into a clouds.yaml that is somebody's own: nothing else in it changes.

The file is not written anew from what YAML makes of it, which would lose comments, order and
quotes: the lines of one cloud are put in, or exchanged, and the result is read again and compared
before it takes the file's place.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from aio_image.errors import UsageError

_KEY = "clouds"


def put(path: Path, name: str, cloud: Mapping[str, Any], *, force: bool = False) -> bool:
    """Have ``path`` hold ``cloud`` under ``name``; whether that changed it. It is 0600 then.

    Raises UsageError as ``merged`` does, with the file untouched.
    """
    path = path.resolve()  # a link to it stays one
    try:
        text = path.read_bytes().decode("utf-8") if path.exists() else ""
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not text in UTF-8") from error
    after = merged(path, text, name, cloud, force=force)
    if after != text or path.stat().st_mode & 0o777 != 0o600:
        write(path, after)
    return after != text


def merged(path: Path, text: str, name: str, cloud: Mapping[str, Any], *, force: bool) -> str:
    """``text``, the content of ``path``, with ``cloud`` under ``name``.

    What an entry of the same cloud (the same ``auth_url``) has beside is kept. An entry of
    another cloud is only replaced by ``force``. Raises UsageError for that, and for what is no
    clouds.yaml.
    """
    before = _read(path, text)
    clouds = before.get(_KEY) or {}
    entry: dict[str, Any] = dict(cloud)
    there = clouds.get(name)
    if there is not None:
        if _auth_url(there) == _auth_url(cloud):
            entry = {**there, **cloud, "auth": {**there["auth"], **cloud["auth"]}}
        elif not force:
            raise UsageError(
                f"{path}: '{name}' is another cloud, at {_auth_url(there) or 'no auth_url'}",
                hint="take another name (--cloud NAME), or replace it with --force",
            )
    after = _changed(path, text, name, entry)
    if not _says(after, {**before, _KEY: {**clouds, name: entry}}):
        raise UsageError(
            f"{path}: is written in a way that cannot be changed without loss",
            hint=f"add the cloud by hand, or name another folder (--output): {name}",
        )
    return after


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """``text`` at ``path`` with ``mode``, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        new.chmod(mode)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _read(path: Path, text: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        reason = getattr(error, "problem", None) or "several documents in one file"
        raise UsageError(f"{path}{line}: is not YAML: {reason}") from error
    if content is None:
        return {}
    if not isinstance(content, dict) or not isinstance(content.get(_KEY) or {}, dict):
        raise UsageError(f"{path}: is not a clouds.yaml", hint="name another folder (--output)")
    return content


def _says(text: str, wanted: object) -> bool:
    try:
        return bool(yaml.safe_load(text) == wanted)
    except yaml.YAMLError:
        return False


def _auth_url(cloud: Mapping[str, Any]) -> str:
    auth = cloud.get("auth") if isinstance(cloud, Mapping) else None
    return str(auth.get("auth_url", "")).rstrip("/") if isinstance(auth, Mapping) else ""


def _changed(path: Path, text: str, name: str, entry: Mapping[str, Any]) -> str:
    """``text`` with ``entry`` as the cloud ``name``, in the file's own way of ending lines."""
    end = "\r\n" if "\r\n" in text else "\n"
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is None:
        return _closed(text, end) + _block({_KEY: {name: entry}}, 0, end)
    assert isinstance(root, yaml.MappingNode)
    pair = next((each for each in root.value if each[0].value == _KEY), None)
    if root.flow_style or (pair and pair[1].value and pair[1].flow_style):
        raise UsageError(
            f"{path}:{root.start_mark.line + 1}: is written with braces, which is not changed here",
            hint="write its clouds as indented lines, or name another folder (--output)",
        )
    if pair is None:
        return _closed(text, end) + _block({_KEY: {name: entry}}, root.start_mark.column, end)
    key, value = pair
    if not value.value:  # `clouds:`, `clouds: {}`
        at, behind = key.start_mark.index, _end_of(text, value)
        column = key.start_mark.column
        return text[:at].rstrip(" ") + _block({_KEY: {name: entry}}, column, end) + text[behind:]
    column = value.value[0][0].start_mark.column
    old = next((each for each in value.value if each[0].value == name), None)
    last = value.value[-1] if old is None else old
    behind = _end_of(text, last[1])
    at = behind if old is None else text.rfind("\n", 0, old[0].start_mark.index) + 1
    return _closed(text[:at], end) + _block({name: entry}, column, end) + text[behind:]


def _end_of(text: str, node: yaml.Node) -> int:
    """Where the line after ``node``'s last one begins. (A block's own end is at the next token.)"""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    mark = node.end_mark
    if mark.column == 0:  # a block scalar ends with its last line
        return int(mark.index)
    newline = text.find("\n", mark.index)
    return len(text) if newline < 0 else newline + 1


def _closed(text: str, end: str) -> str:
    return text if not text or text.endswith("\n") else text + end


def _block(content: Mapping[str, Any], column: int, end: str) -> str:
    dumped = yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=1000)
    return textwrap.indent(dumped, " " * column).replace("\n", end)
