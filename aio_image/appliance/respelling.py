"""The public host in URLs that OpenStack-Ansible's playbooks have written into services' files.

They are files of many other words, so that only the host is replaced in them. The build has noted
which there are, in ``urls.json``; a deployer whose services take drop-ins for it has none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from .files import write_atomic
from .layout import Layout
from .shipped import shipped

FORMAT = 1


def load(path: Path) -> tuple[str, ...]:
    """The files that ``path`` names. Raises ApplianceProblem."""
    with shipped(path, form=FORMAT) as data:
        return tuple(data["files"])


def replace(layout: Layout, files: Iterable[str], before: Iterable[str], host: str) -> list[str]:
    """Have URLs in ``files`` name ``host`` where they name one of ``before``.

    All as URLs spell it. Returns the files that changed. May be repeated. One that is not there
    any more is its owner's affair.
    """
    one_of = "|".join(re.escape(each) for each in before)
    pattern = re.compile(rf"(?<=://)(?:{one_of})(?![\w.-])".encode())
    changed = []
    for file in files:
        path = layout.at(file)
        if not path.is_file():
            continue
        data = path.read_bytes()
        new = pattern.sub(lambda _: host.encode(), data)
        if new != data:
            write_atomic(path, new, path.stat().st_mode & 0o7777)
            changed.append(file)
    return changed
