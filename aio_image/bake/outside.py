"""Asks an appliance's Keystone for a token, as a client on another machine would.

Runs as a program of its own, because it is to be in another network namespace. Reads one JSON
object on stdin: ``url`` (Keystone's, ending in /v3), ``password`` (admin's), ``authority``
(CA file).
Writes one to stdout: ``status`` (HTTP), ``seconds``, ``catalogue`` (service type → public URLs).
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import requests


def token(url: str, password: str, authority: str) -> dict[str, Any]:
    """What came back; requests.RequestException without TLS that ``authority`` vouches for."""
    user = {"name": "admin", "domain": {"id": "default"}, "password": password}
    body = {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": {"id": "default"}}},
        }
    }
    began = time.monotonic()
    with requests.Session() as session:
        session.trust_env = False
        answer = session.post(f"{url}/auth/tokens", json=body, verify=authority, timeout=60)
    catalogue: dict[str, list[str]] = {}
    if answer.status_code == 201:
        for service in answer.json()["token"].get("catalog", ()):
            catalogue[service["type"]] = [
                endpoint["url"]
                for endpoint in service["endpoints"]
                if endpoint["interface"] == "public"
            ]
    return {
        "status": answer.status_code,
        "seconds": round(time.monotonic() - began, 2),
        "catalogue": catalogue,
    }


if __name__ == "__main__":
    json.dump(token(**json.load(sys.stdin)), sys.stdout)
