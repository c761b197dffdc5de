"""The words of ``user_variables`` in a file of OpenStack-Ansible's own, for its playbooks.

Where that file is, and what else holds of it, is ``variables`` of settle.json; a deployer without
playbooks has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import overrides
from .files import remove, write_atomic
from .layout import Layout
from .problems import ApplianceProblem
from .table import Table, Variables

SOURCE = "user_variables"
_BY = "# Written by aio from user_variables of /etc/aio/config.yaml, anew when that changes.\n"
_MOST = 12  # words that one notice names


def write(layout: Layout, row: Variables, words: Mapping[str, Any]) -> None:
    """Have ``words`` in their file; none: no file.

    Raises ApplianceProblem: what they are laid over cannot be read.
    """
    path = layout.at(row.path)
    if not words:
        remove(path)
        return
    # A setting may be a secret.
    write_atomic(path, render(words, _beneath(layout, row)), 0o600)


def render(words: Mapping[str, Any], beneath: Mapping[str, Any]) -> str:
    """The file for ``words``.

    Ansible takes the last file's value of a word whole. So a mapping for somebody's configuration
    (``..._overrides``) is laid over that of ``beneath``: what the image itself says.
    """
    import yaml  # noqa: PLC0415 - most boots write nothing

    whole = {
        name: _onto(beneath.get(name), value) if name.endswith("_overrides") else value
        for name, value in words.items()
    }
    said: str = yaml.safe_dump(whole, explicit_start=True, sort_keys=False)
    return _BY + said


def notices_of(table: Table, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What the owner is told when the words change in a cloud that is deployed already.

    Named are words that the playbooks have yet to carry out, and those that are taken back or a
    part of which is: it stays in files that playbooks have written meanwhile. No value is named.
    """
    row = table.variables
    if row is None:
        return []
    to_come, taken_back = [], []
    for name in sorted({*before, *after}):
        if name not in after:
            taken_back.append(name)
        elif name in before and before[name] == after[name]:
            continue
        elif not overrides.at_once(table, name, after[name]):
            to_come.append(name)
        elif _lacks(after[name], before.get(name)):
            taken_back.append(name)
    said = []
    if to_come:
        said.append(
            "user_variables: OpenStack-Ansible's playbooks have yet to carry out"
            f" {_listed(to_come)}: {row.run}"
        )
    if taken_back:
        said.append(
            f"user_variables: what is said no more of {_listed(taken_back)} stays where playbooks"
            f" have written it, until they are run again: {row.run}"
        )
    return said


def _beneath(layout: Layout, row: Variables) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - as above

    found: dict[str, Any] = {}
    for name in row.beneath:
        path = layout.at(name)
        try:
            said = yaml.safe_load(path.read_text("utf-8"))
            found |= said or {}
        except FileNotFoundError:  # not before the image is deployed, or not at all
            continue
        except (ValueError, TypeError, yaml.YAMLError) as error:
            # What YAML says quotes the file, and variables may be secrets.
            raise ApplianceProblem(
                f"{path}: is no YAML mapping of variables ({type(error).__name__})",
                hint="mend it; `openstack-ansible` reads it, too",
            ) from None
    return found


def _onto(beneath: Any, value: Any) -> Any:
    if not isinstance(beneath, Mapping) or not isinstance(value, Mapping):
        return value
    over = {key: _onto(beneath.get(key), one) for key, one in value.items()}
    return {**beneath, **over}


def _lacks(value: Any, before: Any) -> bool:
    """Whether ``before`` has keys, at any depth, that ``value`` has not."""
    if not isinstance(before, Mapping):
        return False
    if not isinstance(value, Mapping):
        return True
    return any(key not in value or _lacks(value[key], one) for key, one in before.items())


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:_MOST]]
    if len(names) > _MOST:
        shown.append(f"{len(names) - _MOST} more")
    *most, last = shown
    return f"{', '.join(most)} and {last}" if most else last
