"""Orchestration: a stack that the engine makes, reads and deletes."""

from __future__ import annotations

from typing import Any

from aio_image.health.client import CheckFailed, Cloud

_TYPE = "orchestration"
_LENGTH = 16
_HINT = "journalctl -u heat-engine"
# The least that goes the whole way: API, message, engine, database, and a user's trust in keystone.
_TEMPLATE = {
    "heat_template_version": "2018-08-31",
    "resources": {"word": {"type": "OS::Heat::RandomString", "properties": {"length": _LENGTH}}},
    "outputs": {"word": {"value": {"get_attr": ["word", "value"]}}},
}


def stack(cloud: Cloud) -> str:
    """A stack with one random string becomes complete, tells the string, and is deleted."""
    name = f"{cloud.target.run}-stack"
    body = {"stack_name": name, "template": _TEMPLATE, "timeout_mins": 10}
    made = cloud.post(_TYPE, "/stacks", body)["stack"]
    path = f"/stacks/{name}/{made['id']}"
    with cloud.temporary(_TYPE, path, "the stack"):
        seconds = cloud.wait_for("the stack", "CREATE_COMPLETE", lambda: _status(cloud, path))
        outputs = cloud.get(_TYPE, path)["stack"]["outputs"]
        word = next((one.get("output_value") for one in outputs), None)
        if not isinstance(word, str) or len(word) != _LENGTH:
            raise CheckFailed(f"the stack's output is {word!r}", _HINT)
    # By its id a deleted stack can still be seen, so it is never 404.
    cloud.wait_for("the stack", "DELETE_COMPLETE", lambda: _status(cloud, path))
    return f"a stack complete after {seconds:.0f} s, deleted"


def _status(cloud: Cloud, path: str) -> str:
    seen: dict[str, Any] = cloud.get(_TYPE, path)["stack"]
    status = str(seen["stack_status"])
    if status.endswith("_FAILED"):
        raise CheckFailed(f"the stack is {status}: {seen.get('stack_status_reason', '')}", _HINT)
    return status
