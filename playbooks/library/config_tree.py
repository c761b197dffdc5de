#!/usr/bin/python3
"""Writes many files, folders and links with their owners in one process."""

from __future__ import annotations

import grp
import os
import pwd
from fnmatch import fnmatch

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: config_tree
short_description: write a role's files, folders and links at once
description:
  - Takes its files from the C(templates/tree) of the role that calls it.
author: aio-image
options:
  files:
    description: Path to content; filled by the action plugin.
    type: dict
    default: {}
  manifest:
    description:
      - A YAML file on the build host (C(aio_image/appliance/install.yaml)) that says which files
        and folders beside it go where, with which mode.
    type: path
  leave_out:
    description: Paths of the tree that this image does not get.
    type: list
    elements: str
    default: []
  folders:
    description: Folders to make, as path to rule (owner, group, mode).
    type: dict
    default: {}
  links:
    description: Symbolic links to make, as path to target.
    type: dict
    default: {}
  absent:
    description: Files and links to remove.
    type: list
    elements: str
    default: []
  rules:
    description:
      - Owner, group and mode of files by pattern, the first match wins; root, root and 0644 where none does.
    type: list
    elements: dict
    default: []
"""


def _ids(rule: dict[str, str]) -> tuple[int, int]:
    owner = pwd.getpwnam(rule.get("owner", "root")).pw_uid
    return owner, grp.getgrnam(rule.get("group", "root")).gr_gid


def _own(path: str, rule: dict[str, str], mode: str) -> bool:
    """Sets owner and mode; True when either was different."""
    want = (*_ids(rule), int(rule.get("mode", mode), 8))
    have = os.stat(path)
    if (have.st_uid, have.st_gid, have.st_mode & 0o7777) == want:
        return False
    os.chown(path, want[0], want[1])
    os.chmod(path, want[2])
    return True


def _write(path: str, content: str, rule: dict[str, str]) -> bool:
    data = content.encode()
    try:
        with open(path, "rb") as existing:
            same = existing.read() == data
    except FileNotFoundError:
        same = False
    if not same:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fresh = f"{path}.aio-new"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as target:
            target.write(data)
        _own(fresh, rule, "0644")
        os.replace(fresh, path)
    return _own(path, rule, "0644") or not same


def _link(path: str, target: str) -> bool:
    if os.path.islink(path) and os.readlink(path) == target:
        return False
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    os.symlink(target, path)
    return True


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "files": {"type": "dict", "default": {}, "no_log": True},
            "manifest": {"type": "path"},
            "leave_out": {"type": "list", "elements": "str", "default": []},
            "folders": {"type": "dict", "default": {}},
            "links": {"type": "dict", "default": {}},
            "absent": {"type": "list", "elements": "str", "default": []},
            "rules": {"type": "list", "elements": "dict", "default": []},
        }
    )
    params = module.params
    changed = []
    try:
        for path in params["absent"]:
            if os.path.lexists(path):
                os.unlink(path)
                changed.append(path)
        for path, rule in params["folders"].items():
            fresh = not os.path.isdir(path)
            os.makedirs(path, exist_ok=True)
            if _own(path, rule or {}, "0755") or fresh:
                changed.append(path)
        for path, content in params["files"].items():
            rule = next((r for r in params["rules"] if fnmatch(path, r["path"])), {})
            if _write(path, content, rule):
                changed.append(path)
        for path, target in params["links"].items():
            if _link(path, target):
                changed.append(path)
    except (OSError, KeyError) as error:
        module.fail_json(msg=f"config_tree: {error}")
    module.exit_json(changed=bool(changed), paths=changed)


if __name__ == "__main__":
    main()
