"""What the appliance says of itself, on its plain HTTP port: /aio/status and /aio/ca.pem."""

from __future__ import annotations

from typing import Any

from aio_image.health.client import CheckFailed, Cloud

_HTTP = 80


def fetch_status(cloud: Cloud) -> dict[str, Any]:
    """The appliance's status: ``state``, ``failures``, ``timeline`` and more."""
    url = cloud.target.url(_HTTP, "/aio/status", "http")
    answer = cloud.raw("GET", url, ok=(200, 503))
    try:
        status = answer.json()
    except ValueError as error:
        raise CheckFailed(f"{url} is not JSON: {answer.text[:80]!r}") from error
    if not isinstance(status, dict) or "state" not in status:
        raise CheckFailed(f"{url} does not tell a state")
    return status


def healthy(cloud: Cloud) -> str:
    """It says that it is healthy, and that no unit failed."""
    status = fetch_status(cloud)
    failures = [str(unit) for unit in status.get("failures", ())]
    if status["state"] != "healthy" or failures:
        named = f"; failed: {', '.join(failures)}" if failures else ""
        raise CheckFailed(f"state {status['state']}: {status.get('detail', '')}{named}")
    units = sum(1 for one in status.get("timeline", ()) if one.get("kind") == "unit")
    return f"{units} units active" if units else "healthy"
