"""What `aio enable` can add to an appliance of OpenStack-Ansible: the table in the image."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aio_image import deployers
from aio_image.bake.osa import files
from aio_image.bake.osa.sources import GIT
from aio_image.deployers.openstack_ansible.staging import additions

_TABLE = "usr/share/aio/additions.json"


def write(
    root: Path,
    there: Collection[str],
    environment: Mapping[str, str],
    *,
    variables: str = "",
    apt: str = "",
) -> None:
    """Write it into the tree ``root``; ``environment`` is what the playbooks run with there.

    What is ``there`` already (services) is not in it.

    ``variables`` is a file of more for them, ``apt`` the apt.conf of what is carried: places on
    the appliance.
    """
    table = {**whole(environment), "variables": variables, "apt": apt}
    table["rows"] = {name: row for name, row in table["rows"].items() if name not in there}
    files.write(root, _TABLE, json.dumps(table, indent=1) + "\n")


def whole(environment: Mapping[str, str]) -> dict[str, Any]:
    """The table without what is carried: each row with that of services.json once it runs."""
    table = additions(GIT, environment)
    services = {one.name: asdict(one) for one in deployers.load("openstack-ansible").services}
    rows = {name: {**row, "service": services[name]} for name, row in table["rows"].items()}
    return {**table, "rows": rows}
