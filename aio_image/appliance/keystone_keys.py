"""Keystone's Fernet and credential keys, as ``keystone-manage fernet_setup`` would make them.

Made here, because starting keystone-manage costs seconds on a slow machine and does just this:
32 random bytes in URL-safe base64 a key (keystone/common/fernet_utils.py). ``0`` is the staged key,
the highest number the primary.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path

from . import roots
from .files import make_folder, write_atomic
from .layout import Layout

_HOME = "/etc/keystone"
FERNET = f"{_HOME}/fernet-keys"
CREDENTIAL = f"{_HOME}/credential-keys"


def renew(layout: Layout, folders: Sequence[str] = (FERNET, CREDENTIAL)) -> None:
    """New keys 0 and 1 in each of ``folders``, for keystone's eyes only; older ones go.

    At first boot nothing of value is encrypted with the old ones: no token has been issued, and
    the bake stores no credentials.
    """
    root, home = _home(layout)
    for folder in folders:
        path = layout.at(f"{home}/{folder.removeprefix(_HOME).lstrip('/')}")
        make_folder(path, 0o700)
        _give_to_keystone(layout, root, path)
        for name in ("0", "1"):
            write_atomic(path / name, base64.urlsafe_b64encode(os.urandom(32)), 0o600)
            _give_to_keystone(layout, root, path / name)
        for old in path.iterdir():
            if old.name not in ("0", "1"):
                old.unlink()


def _home(layout: Layout) -> tuple[str, str]:
    """The root of the file system that keystone is in, and where its folder is, from the host."""
    for root in roots.containers(layout.root).values():
        home = root + roots.real(layout.at(root), _HOME)
        if layout.at(home).is_dir():
            return root, home
    return roots.HOST, _HOME


def _give_to_keystone(layout: Layout, root: str, path: Path) -> None:
    if not layout.running:
        return  # a tree that is not running has its own users
    os.chown(path, *roots.ids(layout.at(root), "keystone"))
