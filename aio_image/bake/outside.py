"""Asks an appliance what a client on another machine would: a token, and which ports answer.

Runs as a program of its own, because it is to be in another network namespace. Reads one JSON
object on stdin: the arguments of the function that the first argument names. Writes one to stdout.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

_PATIENCE = 5.0  # seconds; a filter may be silent


def token(url: str, password: str, authority: str) -> dict[str, Any]:
    """Keystone's answer to admin: ``status`` (HTTP), ``seconds``, ``catalogue`` (service type →
    public URLs).

    ``url`` ends in /v3, ``authority`` is a CA file: requests.RequestException without TLS that it
    vouches for.
    """
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


def answering(address: str, ports: list[int]) -> list[int]:
    """Those TCP ``ports`` of ``address`` that take a connection."""

    def answers(port: int) -> bool:
        try:
            socket.create_connection((address, port), timeout=_PATIENCE).close()
        except OSError:
            return False
        return True

    # All at once: where nothing answers, each costs its whole patience.
    with ThreadPoolExecutor(max_workers=len(ports) or 1) as pool:
        return [port for port, did in zip(ports, pool.map(answers, ports), strict=True) if did]


if __name__ == "__main__":
    known: dict[str, Callable[..., Any]] = {"token": token, "answering": answering}
    json.dump(known[sys.argv[1]](**json.load(sys.stdin)), sys.stdout)
