"""What `aio enable` can add to an appliance of OpenStack-Ansible: the table in the image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from aio_image.bake.osa import files
from aio_image.bake.osa.sources import GIT
from aio_image.deployers.openstack_ansible.staging import additions

_TABLE = "usr/share/aio/additions.json"


def write(
    root: Path, environment: Mapping[str, str], *, variables: str = "", apt: str = ""
) -> None:
    """Write it into the tree ``root``; ``environment`` is what the playbooks run with there.

    ``variables`` is a file of more for them, ``apt`` the apt.conf of what is carried: places on
    the appliance.
    """
    table = {**additions(GIT, environment), "variables": variables, "apt": apt}
    files.write(root, _TABLE, json.dumps(table, indent=1) + "\n")
