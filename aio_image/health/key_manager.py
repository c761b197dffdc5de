"""Key manager: a secret stored, read back and deleted."""

from __future__ import annotations

import secrets

from aio_image.health.client import CheckFailed, Cloud

_TYPE = "key-manager"
_PATH = "/v1/secrets"
_HINT = "journalctl -u barbican-api"


def secret(cloud: Cloud) -> str:
    """A secret comes back as it was stored, under a public reference, and is gone once deleted."""
    payload = secrets.token_hex(16)
    body = {
        "name": f"{cloud.target.run}-secret",
        "payload": payload,
        "payload_content_type": "text/plain",
    }
    reference = str(cloud.post(_TYPE, _PATH, body)["secret_ref"])
    public, _, identity = reference.rpartition(f"{_PATH}/")
    path = f"{_PATH}/{identity}"
    with cloud.temporary(_TYPE, path, "the secret", wait=True):
        if public != cloud.endpoint(_TYPE):
            raise CheckFailed(f"the reference is {reference}, which is not public", _HINT)
        answer = cloud.request("GET", _TYPE, f"{path}/payload", headers={"Accept": "text/plain"})
        if answer.text != payload:
            raise CheckFailed("the secret comes back as something else", _HINT)
    return "a secret stored, read back and deleted"
