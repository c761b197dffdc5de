"""Whether keystone tells clients of a service: the flag ``enabled`` of its row in the catalogue.

By keystone's API and not in its database, for keystone keeps the catalogue in memcached as well.
API: https://docs.openstack.org/api-ref/identity/v3/#service-catalog-and-endpoints
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

from .problems import ApplianceProblem
from .services import Services

_NAME = "keystone"
_PATIENCE = 180.0  # seconds; keystone may be importing what it needs for its first answer


class Catalogue:
    """Keystone's, asked where every service here asks it."""

    def __init__(self, here: Services) -> None:
        """Raises ApplianceProblem where there is no keystone."""
        found = [probe for probe in here.probes if probe.name == _NAME]
        if not found:
            raise ApplianceProblem("there is no keystone here")
        self._host, self._port = found[0].host, found[0].port

    def show(self, user: str, password: str, service_type: str, *, enabled: bool) -> None:
        """Have every catalogue from now on name the service of ``service_type``, or not.

        ``user`` is a service's own, who is an administrator in the project ``service``. Raises
        ApplianceProblem.
        """
        token = self._token(user, password)
        rows = self._ask("GET", f"/v3/services?type={service_type}", token)["services"]
        if not rows:
            raise ApplianceProblem(
                f"keystone has no service of type {service_type}", hint="was it deleted by hand?"
            )
        for row in rows:
            if row["enabled"] is not enabled:
                body = {"service": {"enabled": enabled}}
                self._ask("PATCH", f"/v3/services/{row['id']}", token, body)

    def _token(self, user: str, password: str) -> str:
        who = {"name": user, "domain": {"id": "default"}, "password": password}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": who}},
                "scope": {"project": {"name": "service", "domain": {"id": "default"}}},
            }
        }
        status, headers, _ = self._request("POST", "/v3/auth/tokens", {}, body)
        if status != 201:
            raise ApplianceProblem(
                f"keystone gives {user} no token ({status})", hint="journalctl -u keystone"
            )
        return headers["X-Subject-Token"]

    def _ask(self, method: str, path: str, token: str, body: Any = None) -> Any:
        status, _, content = self._request(method, path, {"X-Auth-Token": token}, body)
        if status != 200:
            raise ApplianceProblem(
                f"keystone: {method} {path}: {status}", hint="journalctl -u keystone"
            )
        return content

    def _request(
        self, method: str, path: str, headers: Mapping[str, str], body: Any
    ) -> tuple[int, http.client.HTTPMessage, Any]:
        talk = http.client.HTTPConnection(self._host, self._port, timeout=_PATIENCE)
        try:
            sent = {"Content-Type": "application/json", **headers}
            talk.request(method, path, None if body is None else json.dumps(body), sent)
            answer = talk.getresponse()
            return answer.status, answer.headers, json.loads(answer.read() or b"null")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ApplianceProblem(
                f"keystone at {self._host}:{self._port}: {error or type(error).__name__}",
                hint="aio status",
            ) from error
        finally:
            talk.close()
