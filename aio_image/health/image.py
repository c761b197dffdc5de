"""Images: one uploaded, listed, read back, deleted."""

from __future__ import annotations

import hashlib
import secrets

from aio_image.health.client import CheckFailed, Cloud

_TYPE = "image"
_BYTES = 1024 * 1024


def upload(cloud: Cloud) -> str:
    """A small random image goes up, is listed as active, comes back the same, and is deleted."""
    name = f"{cloud.target.run}-image"
    content = secrets.token_bytes(_BYTES)
    made = cloud.post(
        _TYPE, "/v2/images", {"name": name, "disk_format": "raw", "container_format": "bare"}
    )
    path = f"/v2/images/{made['id']}"
    with cloud.temporary(_TYPE, path, "the image"):
        cloud.request(
            "PUT",
            _TYPE,
            f"{path}/file",
            data=content,
            headers={"Content-Type": "application/octet-stream"},
        )
        cloud.wait_for("the image", "active", lambda: _status(cloud, path))
        listed = cloud.get(_TYPE, "/v2/images", params={"name": name})["images"]
        if [one["id"] for one in listed] != [made["id"]]:
            raise CheckFailed(f"{name} is not in the list of images")
        back = cloud.request("GET", _TYPE, f"{path}/file").content
        if hashlib.sha256(back).digest() != hashlib.sha256(content).digest():
            raise CheckFailed(f"{name} does not come back as it was uploaded")
    return f"{_BYTES // 1024} KiB uploaded, listed, read back, deleted"


def _status(cloud: Cloud, path: str) -> str:
    status = str(cloud.get(_TYPE, path)["status"])
    if status in ("killed", "deleted", "deactivated"):
        raise CheckFailed(f"the image is {status}", "journalctl -u glance-api")
    return status
