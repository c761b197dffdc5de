"""How the modules of the bake reach the cloud they are making."""

from __future__ import annotations

try:
    from openstack import connection
except ImportError as error:  # the module says so in its own way
    connection = None
    MISSING = error

ARGUMENTS = {
    "auth_url": {"type": "str", "required": True},
    "admin_password": {"type": "str", "required": True, "no_log": True},
    "region": {"type": "str", "required": True},
}


def connect(module):
    """A connection as admin by internal endpoints; ends the module when there is no SDK."""
    if connection is None:
        module.fail_json(msg=f"python3-openstacksdk: {MISSING}")
    return connection.Connection(
        auth={
            "auth_url": module.params["auth_url"],
            "username": "admin",
            "password": module.params["admin_password"],
            "project_name": "admin",
            "user_domain_id": "default",
            "project_domain_id": "default",
        },
        region_name=module.params["region"],
        interface="internal",
        identity_interface="internal",
    )
