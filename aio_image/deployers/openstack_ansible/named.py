"""Which repositories a release names, read from its own files: roles, collections, services.

``read(path)`` gives the text of a file of the release (None: there is none), ``paths`` are all its
files. Nothing is fetched here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Any

import yaml

from aio_image.deployers.openstack_ansible.series import Facts
from aio_image.errors import MirrorError

Read = Callable[[str], str | None]
_BASE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_IN_ROLE = re.compile(r"git\+(?P<url>(?:\{\{[^}]*\}\})?[^@\s\"'{]+)@(?P<ref>[0-9a-f]{40})")
_KINDS = {"requirements": "requirements", "novncproxy": "console", "spicehtml5": "console"}


@dataclass(frozen=True)
class Named:
    """One repository: ``ref`` is a commit, tag or branch; ``track`` the branch it is of, if said.

    ``kind``: role, collection, service, requirements, console, or python (what a role installs
    by ``git+``). ``where`` is the file that names it.
    """

    name: str
    kind: str
    url: str
    ref: str
    track: str | None
    where: str


def roles(read: Read, facts: Facts) -> list[Named]:
    """Every role: all have to be there, since the playbooks import all playbooks."""
    return [
        Named(
            row["name"],
            "role",
            _url(row["src"], facts),
            str(row["version"]),
            _branch(row.get("trackbranch")),
            facts.roles,
        )
        for row in _load(read, facts.roles)
        if row.get("scm", "git") == "git"
    ]


def collections(read: Read, facts: Facts) -> list[Named]:
    """Every collection that comes from git."""
    return [
        Named(
            row["name"],
            "collection",
            _url(row["source"], facts),
            str(row["version"]),
            None,
            facts.collections,
        )
        for row in _load(read, facts.collections)["collections"]
        if row.get("type") == "git"
    ]


def services(read: Read, paths: Iterable[str], words: Iterable[str], facts: Facts) -> list[Named]:
    """The repositories that a scenario's ``words`` need. Those nobody names are left out."""
    wanted = set(facts.repositories_of(words))
    found = []
    for path in paths:
        if not fnmatch(path, facts.services):
            continue
        table: dict[str, Any] = _load(read, path) or {}
        for key, url in table.items():
            name = key.removesuffix("_git_repo")
            if name == key or name not in wanted:
                continue
            ref = table.get(f"{name}_git_install_branch")
            if ref is None:
                raise MirrorError(f"{path}: {key} has no {name}_git_install_branch beside it")
            track = _branch(table.get(f"{name}_git_track_branch"))
            kind = _KINDS.get(name, "service")
            found.append(Named(name, kind, _url(url, facts), str(ref), track, path))
    return found


def python_of(role: str, text: str, facts: Facts) -> list[Named]:
    """What a role's ``defaults/main.yml`` installs straight from git at a commit."""
    found = []
    for match in _IN_ROLE.finditer(text):
        url = _url(match["url"], facts)
        name = url.rstrip("/").removesuffix(".git").rpartition("/")[2]
        found.append(Named(name, "python", url, match["ref"], None, f"role {role}"))
    return found


def dependencies(text: str) -> dict[str, str]:
    """A collection's ``galaxy.yml``: name of each collection it depends on → allowed versions."""
    table = yaml.safe_load(text) or {}
    return {str(name): str(allowed) for name, allowed in (table.get("dependencies") or {}).items()}


def _load(read: Read, path: str) -> Any:
    text = read(path)
    if text is None:
        raise MirrorError(
            f"{path}: this release of OpenStack-Ansible has no such file",
            hint="choose a release of 31.x to 33.x",
        )
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise MirrorError(f"{path}: is not YAML: {str(error).splitlines()[0]}") from error


def _url(text: str, facts: Facts) -> str:
    """``text`` with the names of the hosts' variables replaced, and without doubled slashes."""
    plain = _BASE.sub(lambda match: facts.bases.get(match[1], match[0]), text).rstrip("/")
    scheme, separator, rest = plain.partition("://")
    return f"{scheme}{separator}{re.sub('/+', '/', rest)}" if separator else plain


def _branch(value: object) -> str | None:
    return None if value in (None, "None", "") else str(value)
