"""Runs checks of aio_image.health, and a few more, as a client on another machine does; a program
of its own, because that machine is another network namespace.

Reads a JSON object on stdin: ``address``, ``password``, ``table`` (services.json), ``checks``
(names). Writes one on stdout: ``catalogue`` (types), ``results`` (check → [outcome, detail]).
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from aio_image.health import key_manager
from aio_image.health.check import Check, run_checks
from aio_image.health.client import CheckFailed, Cloud
from aio_image.health.cloud import checks_for
from aio_image.health.target import Target, expected_of
from aio_image.report.events import Events


def stack_domain(cloud: Cloud) -> str:
    """Heat's domain, its trust in another service, and where instances are told to signal."""
    resources = {
        "network": {"type": "OS::Neutron::Net"},
        "handle": {"type": "OS::Heat::WaitConditionHandle"},
    }
    template = {
        "heat_template_version": "2018-08-31",
        "resources": resources,
        "outputs": {"signal": {"value": {"get_attr": ["handle", "endpoint"]}}},
    }
    name = f"{cloud.target.run}-domain"
    made = cloud.post("orchestration", "/stacks", {"stack_name": name, "template": template})
    path = f"/stacks/{name}/{made['stack']['id']}"

    def stack() -> dict[str, Any]:
        found: dict[str, Any] = cloud.get("orchestration", path)["stack"]
        if found["stack_status"].endswith("_FAILED"):
            raise CheckFailed(found["stack_status_reason"])
        return found

    with cloud.temporary("orchestration", path, "the stack"):
        cloud.wait_for("the stack", "CREATE_COMPLETE", lambda: str(stack()["stack_status"]))
        (signal,) = (str(one["output_value"]) for one in stack()["outputs"])
        if not signal.startswith(cloud.target.url(8004)):
            raise CheckFailed(f"instances are told to signal to {signal}")
    cloud.wait_for("the stack", "DELETE_COMPLETE", lambda: str(stack()["stack_status"]))
    return signal


def member(cloud: Cloud) -> str:
    """Who is a member of a project, and no administrator, stores and reads secrets."""
    body = {"name": f"{cloud.target.run}-member", "password": cloud.target.password}
    user = cloud.post("identity", "/users", {"user": body})["user"]["id"]
    with cloud.temporary("identity", f"/users/{user}", "the user"):
        roles = cloud.get("identity", "/roles?name=member")["roles"]
        project = cloud.token.project_id if cloud.token else ""
        cloud.put("identity", f"/projects/{project}/users/{user}/roles/{roles[0]['id']}", {})
        theirs = Cloud(replace(cloud.target, user=body["name"]))
        theirs.verify_with_ca()
        theirs.authenticate()
        return key_manager.secret(theirs)


def main() -> None:
    given = json.load(sys.stdin)
    expected, _ = expected_of(given["table"])
    with tempfile.TemporaryDirectory() as folder:
        target = Target(given["address"], given["password"], Path(folder), expected)
        cloud = Cloud(target)
        more = (Check("stack-domain", stack_domain), Check("member", member))
        known = [*checks_for(target), *more]
        checks = [one for one in known if one.name in given["checks"]]
        found = run_checks(checks, cloud, Events(lambda _event: None))
    catalogue = sorted(cloud.token.catalogue) if cloud.token else []
    results = {one.check: [one.outcome, one.detail] for one in found}
    json.dump({"catalogue": catalogue, "results": results}, sys.stdout)


if __name__ == "__main__":
    main()
