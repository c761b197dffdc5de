#!/usr/bin/python3
"""Users, project, roles, services and endpoints of a cloud, by one process."""

from __future__ import annotations

from ansible.module_utils.aio_cloud import ARGUMENTS, connect
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: keystone_catalogue
short_description: make the service users and the catalogue of a cloud
description:
  - Adds what is missing; what is there stays.
author: aio-image
options:
  auth_url: {description: Keystone's address., type: str, required: true}
  admin_password: {description: Of the user admin., type: str, required: true}
  region: {description: Region of the endpoints., type: str, required: true}
  endpoint_host: {description: Host of the public endpoints., type: str, required: true}
  services:
    description: Catalogue rows with type, name, port, backend and path.
    type: list
    elements: dict
    required: true
  dormant:
    description: Rows like services that are made disabled, so that no client is told of them.
    type: list
    elements: dict
    default: []
  domains:
    description: Domains with id, name, admin, password of the admin, and roles to make for it.
    type: list
    elements: dict
    default: []
  users:
    description: Name of a service user's secret (<user>_service_password) to the password.
    type: dict
    required: true
"""


def _users(identity, params):
    made = []
    project = identity.find_project("service", domain_id="default")
    if project is None:
        project = identity.create_project(name="service", domain_id="default")
        made.append("project service")
    roles = {role.name: role.id for role in identity.roles()}
    if "service" not in roles:
        roles["service"] = identity.create_role(name="service").id
    there = {user.name: user for user in identity.users(domain_id="default")}
    for secret, password in params["users"].items():
        name = secret.removesuffix("_service_password")
        user = there.get(name)
        if user is None:
            user = identity.create_user(
                name=name, password=password, domain_id="default", default_project_id=project.id
            )
            made.append(f"user {name}")
        for role in ("admin", "service"):
            identity.assign_project_role_to_user(project.id, user.id, roles[role])
    return made


def _domains(identity, params):
    made = []
    roles = {role.name: role.id for role in identity.roles()}
    there = {domain.name: domain.id for domain in identity.domains()}
    for row in params["domains"]:
        for role in row["roles"]:
            if role not in roles:
                roles[role] = identity.create_role(name=role).id
                made.append(f"role {role}")
        if row["name"] not in there:
            # The SDK has no word for an id of one's own.
            body = {"name": row["name"], "explicit_domain_id": row["id"]}
            answer = identity.post("/domains", json={"domain": body})
            answer.raise_for_status()
            made.append(f"domain {row['name']}")
        user = identity.find_user(row["admin"], domain_id=row["id"])
        if user is None:
            user = identity.create_user(
                name=row["admin"], password=row["password"], domain_id=row["id"]
            )
            made.append(f"user {row['admin']}")
        identity.assign_domain_role_to_user(row["id"], user.id, roles["admin"])
    return made


def _catalogue(identity, params):
    made = []
    there = {service.type: service.id for service in identity.services()}
    have = {(e.service_id, e.interface) for e in identity.endpoints()}
    rows = [(row, True) for row in params["services"]]
    rows += [(row, False) for row in params["dormant"]]
    for row, enabled in rows:
        service = there.get(row["type"])
        if service is None:
            service = identity.create_service(
                type=row["type"], name=row["name"], is_enabled=enabled
            ).id
            made.append(f"service {row['name']}")
        public = f"https://{params['endpoint_host']}:{row['port']}{row['path']}"
        inside = f"http://127.0.0.1:{row['backend']}{row['path']}"
        for interface, url in (("public", public), ("internal", inside), ("admin", inside)):
            if (service, interface) not in have:
                identity.create_endpoint(
                    service_id=service, interface=interface, url=url, region_id=params["region"]
                )
                made.append(f"{interface} endpoint of {row['name']}")
    return made


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "endpoint_host": {"type": "str", "required": True},
            "services": {"type": "list", "elements": "dict", "required": True},
            "dormant": {"type": "list", "elements": "dict", "default": []},
            "domains": {"type": "list", "elements": "dict", "default": [], "no_log": True},
            "users": {"type": "dict", "required": True, "no_log": True},
        }
    )
    try:
        identity = connect(module).identity
        made = [
            one for part in (_users, _domains, _catalogue) for one in part(identity, module.params)
        ]
    except Exception as error:
        module.fail_json(msg=f"keystone at {module.params['auth_url']}: {error}")
    module.exit_json(changed=bool(made), made=made)


if __name__ == "__main__":
    main()
