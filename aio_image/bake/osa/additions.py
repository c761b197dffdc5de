"""What `aio enable` can add to an appliance of OpenStack-Ansible: the table in the image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from aio_image.bake.osa.sources import GIT
from aio_image.deployers.openstack_ansible.staging import additions

_TABLE = "usr/share/aio/additions.json"


def write(root: Path, environment: Mapping[str, str]) -> None:
    """Write it into the tree ``root``; ``environment`` is what the playbooks run with there."""
    path = root / _TABLE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(additions(GIT, environment), indent=1) + "\n", encoding="utf-8")
    path.chmod(0o644)
