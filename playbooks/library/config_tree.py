#!/usr/bin/python3
"""Writes many files, folders and links with their owners in one process."""

from __future__ import annotations

import grp
import os
import pwd
from fnmatch import fnmatch
from pathlib import Path

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
      - Owner, group and mode of files by pattern; the first match wins.
      - Root, root and 0644 where none does.
    type: list
    elements: dict
    default: []
"""


def _own(path: Path, rule: dict[str, str], mode: str) -> bool:
    """Sets owner and mode; True when either was different."""
    owner = pwd.getpwnam(rule.get("owner", "root")).pw_uid
    group = grp.getgrnam(rule.get("group", "root")).gr_gid
    want = (owner, group, int(rule.get("mode", mode), 8))
    have = path.stat()
    if (have.st_uid, have.st_gid, have.st_mode & 0o7777) == want:
        return False
    os.chown(path, owner, group)
    path.chmod(want[2])
    return True


def _write(path: Path, content: str, rule: dict[str, str]) -> bool:
    data = content.encode()
    if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
        return _own(path, rule, "0644")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.aio-new")
    # Nobody else may read it before it has its owner and mode.
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as target:
        target.write(data)
    _own(fresh, rule, "0644")
    fresh.replace(path)
    return True


def _link(path: Path, target: str) -> bool:
    if path.is_symlink() and str(path.readlink()) == target:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    return True


def _folder(path: Path, rule: dict[str, str]) -> bool:
    there = path.is_dir()
    path.mkdir(parents=True, exist_ok=True)
    return _own(path, rule, "0755") or not there


def _absent(path: Path) -> bool:
    there = path.is_symlink() or path.exists()
    path.unlink(missing_ok=True)
    return there


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

    def rule_of(path: str) -> dict[str, str]:
        return next((rule for rule in params["rules"] if fnmatch(path, rule["path"])), {})

    changed = []
    try:
        changed += [path for path in params["absent"] if _absent(Path(path))]
        changed += [p for p, rule in params["folders"].items() if _folder(Path(p), rule or {})]
        changed += [p for p, text in params["files"].items() if _write(Path(p), text, rule_of(p))]
        changed += [p for p, target in params["links"].items() if _link(Path(p), target)]
    except (OSError, KeyError) as error:
        module.fail_json(msg=f"config_tree: {error}")
    module.exit_json(changed=bool(changed), paths=changed)


if __name__ == "__main__":
    main()
