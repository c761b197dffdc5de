"""What RabbitMQ exported, as an appliance's broker reads it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aio_image.bake.osa import broker
from aio_image.errors import BuildError

# As `rabbitmqctl export_definitions` of RabbitMQ 4.0 writes it, shortened.
EXPORTED = {
    "rabbit_version": "4.0.5",
    "rabbitmq_version": "4.0.5",
    "product_name": "RabbitMQ",
    "users": [
        {
            "name": "nova",
            "password_hash": "cQkFGgRdGdB0mFp2RHtVgkUy3q1Ft6ddTq3oKIFfYjXB9T9W",
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": ["administrator"],
            "limits": {},
        }
    ],
    "vhosts": [{"name": "/nova", "metadata": {"tags": [], "default_queue_type": "quorum"}}],
    "permissions": [
        {"user": "nova", "vhost": "/nova", "configure": ".*", "write": ".*", "read": ".*"}
    ],
    "topic_permissions": [],
    "parameters": [],
    "global_parameters": [{"name": "internal_cluster_id", "value": "rabbitmq-cluster-id-x"}],
    "policies": [{"vhost": "/nova", "name": "CQv2", "pattern": ".*", "definition": {}}],
    "queues": [{"name": "compute.aio1", "vhost": "/nova"}],
    "exchanges": [],
    "bindings": [],
}


def test_users_have_passwords_and_nothing_names_the_build(tmp_path: Path) -> None:
    path = tmp_path / broker.DEFINITIONS
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(EXPORTED))
    broker.settle(tmp_path, {"nova": "aPassword", "cinder": "another"})
    assert json.loads(path.read_text()) == {
        "users": [{"name": "nova", "password": "aPassword", "tags": ["administrator"]}],
        **{
            part: EXPORTED[part]
            for part in ("vhosts", "permissions", "topic_permissions", "parameters", "policies")
        },
    }
    assert path.stat().st_mode & 0o777 == 0o600
    (setting,) = (tmp_path / "etc/rabbitmq/conf.d").iterdir()
    assert setting.read_text() == "load_definitions = /etc/rabbitmq/definitions.json\n"


def test_a_user_that_is_nobodys_is_named() -> None:
    with pytest.raises(BuildError, match=r"not known: nova$"):
        broker.definitions(EXPORTED, {"cinder": "another"})


def test_nothing_exported_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"definitions\.json: RabbitMQ has exported nothing"):
        broker.settle(tmp_path, {})
