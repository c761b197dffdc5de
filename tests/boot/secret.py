"""A secret stored in Barbican and read again, as a client on another machine does it.

A program of its own, because it is to be in another network namespace. Reads one JSON object on
stdin: ``keystone`` and ``barbican`` (URLs), ``password`` of admin, ``authority`` (a CA file),
``payload``. Writes ``{"payload": what came back}``.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import requests

_SECONDS = 60


def kept(asked: dict[str, Any]) -> str:
    user = {"name": "admin", "domain": {"id": "default"}, "password": asked["password"]}
    body = {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": {"id": "default"}}},
        }
    }
    with requests.Session() as session:
        session.trust_env = False
        session.verify = asked["authority"]
        answer = session.post(f"{asked['keystone']}/auth/tokens", json=body, timeout=_SECONDS)
        answer.raise_for_status()
        session.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
        base = asked["barbican"].rstrip("/").removesuffix("/v1")
        made = session.post(
            f"{base}/v1/secrets",
            json={"payload": asked["payload"], "payload_content_type": "text/plain"},
            timeout=_SECONDS,
        )
        made.raise_for_status()
        place = f"{base}/v1/secrets/{made.json()['secret_ref'].rpartition('/')[2]}/payload"
        read = session.get(place, headers={"Accept": "text/plain"}, timeout=_SECONDS)
        read.raise_for_status()
        return read.text


if __name__ == "__main__":
    json.dump({"payload": kept(json.load(sys.stdin))}, sys.stdout)
