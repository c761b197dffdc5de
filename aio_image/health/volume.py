"""Volumes: services, and a volume made and deleted."""

from __future__ import annotations

from aio_image.health.client import CheckFailed, Cloud

_TYPE = "block-storage"
_EXPECTED = ("cinder-scheduler", "cinder-volume")
_COMPLETE = "complete"


def services(cloud: Cloud) -> str:
    """Scheduler and volume service are up, or soon: on a slow machine a report may be late."""
    cloud.wait_for("cinder", _COMPLETE, lambda: _missing(cloud))
    return ", ".join(_EXPECTED)


def lifecycle(cloud: Cloud) -> str:
    """A volume of 1 GiB becomes available and is deleted."""
    body = {"volume": {"name": f"{cloud.target.run}-volume", "size": 1}}
    made = cloud.post(_TYPE, f"{_project(cloud)}/volumes", body)["volume"]
    path = f"{_project(cloud)}/volumes/{made['id']}"
    with cloud.temporary(_TYPE, path, "the volume", wait=True):
        seconds = cloud.wait_for("the volume", "available", lambda: _status(cloud, path))
    return f"1 GiB available after {seconds:.0f} s, deleted"


def _missing(cloud: Cloud) -> str:
    rows = cloud.get(_TYPE, f"{_project(cloud)}/os-services")["services"]
    up = {row["binary"] for row in rows if row["state"] == "up" and row["status"] == "enabled"}
    down = [name for name in _EXPECTED if name not in up]
    return f"without {', '.join(down)} (journalctl -u {down[0]})" if down else _COMPLETE


def _project(cloud: Cloud) -> str:
    """``/<project>`` where the catalogue's URL does not end in it already."""
    project = cloud.token.project_id if cloud.token else ""
    return "" if cloud.endpoint(_TYPE).endswith(project) else f"/{project}"


def _status(cloud: Cloud, path: str) -> str:
    status = str(cloud.get(_TYPE, path)["volume"]["status"])
    if status.startswith("error"):
        raise CheckFailed(f"the volume is in {status}", "journalctl -u cinder-volume")
    return status
