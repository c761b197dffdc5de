"""The LXC containers of a tree, by what OpenStack-Ansible calls them."""

from __future__ import annotations

import re
from pathlib import Path

from aio_image.appliance import roots

# aio1-nova-api-container-0660e563
_NAME = re.compile(r"[^-]+-(?P<home>.+)-container-[0-9a-f]{8}")


def homes_of(root: Path) -> dict[str, str]:
    """Middle of the name → name, of each container of the tree ``root``."""
    found = {_NAME.fullmatch(name): name for name in roots.containers(root)}
    return {match["home"]: name for match, name in found.items() if match}
