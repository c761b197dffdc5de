"""Keystone's Fernet and credential keys, as ``keystone-manage fernet_setup`` would make them.

Made here, because starting keystone-manage costs seconds on a slow machine and does just this:
32 random bytes in URL-safe base64 a key (keystone/common/fernet_utils.py). ``0`` is the staged key,
the highest number the primary.
"""

from __future__ import annotations

import base64
import os
import pwd
from collections.abc import Sequence

from .files import make_folder, write_atomic
from .layout import Layout

FERNET = "/etc/keystone/fernet-keys"
CREDENTIAL = "/etc/keystone/credential-keys"


def renew(layout: Layout, folders: Sequence[str] = (FERNET, CREDENTIAL)) -> None:
    """New keys 0 and 1 in each of ``folders``, for keystone's eyes only; older ones go.

    At first boot nothing of value is encrypted with the old ones: no token has been issued, and
    the bake stores no credentials.
    """
    for folder in folders:
        path = layout.at(folder)
        make_folder(path, 0o700)
        _give_to_keystone(layout, path)
        for name in ("0", "1"):
            write_atomic(path / name, base64.urlsafe_b64encode(os.urandom(32)), 0o600)
            _give_to_keystone(layout, path / name)
        for old in path.iterdir():
            if old.name not in ("0", "1"):
                old.unlink()


def _give_to_keystone(layout: Layout, path: os.PathLike[str]) -> None:
    if layout.root != layout.root.__class__("/"):
        return  # a tree that is not running has its own users
    user = pwd.getpwnam("keystone")
    os.chown(path, user.pw_uid, user.pw_gid)
