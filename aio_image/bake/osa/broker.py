"""The broker's definitions: users, virtual hosts and policies for its first start on an appliance.

RabbitMQ's database names the machine and keeps passwords as hashes, so that of the build cannot
stay. The playbooks' own work is exported from it instead, with canaries for passwords.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aio_image.bake.osa.files import write
from aio_image.errors import BuildError

DEFINITIONS = "etc/rabbitmq/definitions.json"
_SETTINGS = "etc/rabbitmq/conf.d/90-aio.conf"
# Queues and exchanges are the services' to declare; global parameters have the cluster's own id.
_KEPT = ("vhosts", "permissions", "topic_permissions", "parameters", "policies")


def definitions(exported: Mapping[str, Any], passwords: Mapping[str, str]) -> dict[str, Any]:
    """What RabbitMQ reads at its start, of what it has exported; ``passwords``: user → password.

    Raises BuildError for users of whom no password is known.
    """
    users = [user["name"] for user in exported["users"]]
    unknown = sorted(set(users) - set(passwords))
    if unknown:
        raise BuildError(
            f"RabbitMQ has users whose passwords are not known: {', '.join(unknown)}",
            hint="`rabbitmq` of aio_image/deployers/openstack_ansible/secrets.yaml names users",
        )
    rows = [
        {"name": user["name"], "password": passwords[user["name"]], "tags": user["tags"]}
        for user in exported["users"]
    ]
    return {"users": rows, **{part: exported.get(part, []) for part in _KEPT}}


def settle(root: Path, passwords: Mapping[str, str]) -> None:
    """Have the broker of the tree ``root`` begin with what is in DEFINITIONS, exported there.

    Raises BuildError when nothing is, and as ``definitions``.
    """
    path = root / DEFINITIONS
    try:
        exported = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BuildError(
            f"/{DEFINITIONS}: RabbitMQ has exported nothing there ({error})",
            hint="`after` of setup_openstack in aio_image/deployers/openstack_ansible/deploy.yaml",
        ) from error
    path.write_text(json.dumps(definitions(exported, passwords), indent=1) + "\n", "utf-8")
    path.chmod(0o600)
    write(root, _SETTINGS, f"load_definitions = /{DEFINITIONS}\n")
