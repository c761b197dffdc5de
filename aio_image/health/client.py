"""A small OpenStack client: a token, the catalogue, and requests that say what went wrong.

Plain requests, so that a check shows what a cloud answers and not what an SDK makes of it.
API references: https://docs.openstack.org/api-ref/.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import requests

from aio_image.health.route import route
from aio_image.health.target import KEYSTONE_PORT, Target
from aio_image.host.cancel import Cancel

_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.5, 5.0, 1.3
# OpenStack services name the block storage type differently; any of a group will do.
ALIASES = {"block-storage": ("block-storage", "volumev3", "block-store", "volume")}
MICROVERSIONS = {"compute": "compute 2.79", "block-storage": "volume 3.59"}


class CheckFailed(Exception):
    """What is wrong, in one line. ``hint`` says where to look on the appliance."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True)
class Token:
    """A scoped token. ``catalogue`` maps a service type to its public URL, without a slash."""

    value: str
    project_id: str
    catalogue: Mapping[str, str]
    names: Mapping[str, str]


class Cloud:
    """One user's view of a cloud. ``authenticate`` first; everything raises CheckFailed."""

    def __init__(self, target: Target, cancel: Cancel | None = None) -> None:
        self.target = target
        self.cancel = cancel or Cancel()
        self.session = requests.Session()
        # Neither proxies nor certificate settings of the caller's environment belong here.
        self.session.trust_env = False
        if target.peer is not None:
            route(self.session, target.address, target.peer)
        self.token: Token | None = None

    def verify_with_ca(self) -> None:
        """Trust the target's own CA, and nothing else."""
        self.session.verify = str(self.target.ca)

    def authenticate(self) -> Token:
        """Have Keystone give a token scoped to the target's project."""
        target = self.target
        user = {
            "name": target.user,
            "domain": {"name": target.domain},
            "password": target.password,
        }
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": target.project, "domain": {"name": target.domain}}},
            }
        }
        answer = self.raw(
            "POST", target.url(KEYSTONE_PORT, "/v3/auth/tokens"), json=body, ok=(201,)
        )
        content = answer.json()["token"]
        urls, names = {}, {}
        for service in content.get("catalog", ()):
            for endpoint in service["endpoints"]:
                if endpoint["interface"] == "public":
                    urls[service["type"]] = endpoint["url"].rstrip("/")
                    names[service["type"]] = service.get("name", "")
        self.token = Token(answer.headers["X-Subject-Token"], content["project"]["id"], urls, names)
        return self.token

    def endpoint(self, service_type: str) -> str:
        """The public URL of a service, by its type or one of the names it also goes by."""
        token = self._token()
        for name in ALIASES.get(service_type, (service_type,)):
            if name in token.catalogue:
                return token.catalogue[name]
        raise CheckFailed(f"the catalogue has no public endpoint of type {service_type}")

    def get(self, service_type: str, path: str, **options: Any) -> Any:
        """The JSON at ``path`` below the service's endpoint."""
        return self.request("GET", service_type, path, **options).json()

    def post(self, service_type: str, path: str, body: Mapping[str, Any]) -> Any:
        """POST ``body`` as JSON, and the JSON that comes back ({} when none does)."""
        answer = self.request("POST", service_type, path, json=body)
        return answer.json() if answer.content else {}

    def put(self, service_type: str, path: str, body: Mapping[str, Any]) -> Any:
        answer = self.request("PUT", service_type, path, json=body)
        return answer.json() if answer.content else {}

    def delete(self, service_type: str, path: str) -> None:
        """DELETE ``path``; that it is gone already is no error."""
        self.request("DELETE", service_type, path, ok=(*range(200, 300), 404))

    def request(
        self,
        method: str,
        service_type: str,
        path: str,
        *,
        ok: tuple[int, ...] = tuple(range(200, 300)),
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> requests.Response:
        """One request to a service with the token and the microversion the checks speak."""
        sent = {"X-Auth-Token": self._token().value, "Accept": "application/json"}
        if service_type in MICROVERSIONS:
            sent["OpenStack-API-Version"] = MICROVERSIONS[service_type]
        sent.update(headers or {})
        return self.raw(method, self.endpoint(service_type) + path, ok=ok, headers=sent, **options)

    def raw(
        self,
        method: str,
        url: str,
        *,
        ok: tuple[int, ...] = tuple(range(200, 300)),
        **options: Any,
    ) -> requests.Response:
        """One request. CheckFailed unless it is answered, in time, with a status in ``ok``."""
        # One limit for connection, TLS handshake and answer: while an instance boots by emulated
        # KVM, a handshake alone takes longer than fifteen seconds.
        timeout = self.target.request
        # A query may hold a token.
        what = f"{method} {url.partition('?')[0]}"
        try:
            answer = self.session.request(method, url, timeout=timeout, **options)
        except requests.exceptions.SSLError as error:
            raise CheckFailed(f"{what}: TLS: {_root_cause(error)}") from error
        except requests.exceptions.Timeout as error:
            raise CheckFailed(f"{what}: no answer in {timeout:.0f} s") from error
        except requests.exceptions.RequestException as error:
            raise CheckFailed(f"{what}: {_root_cause(error)}") from error
        if answer.status_code not in ok:
            raise CheckFailed(f"{what}: {answer.status_code} {_said(answer)}".rstrip())
        return answer

    def wait_for(self, what: str, wanted: str, status: Callable[[], str]) -> float:
        """Ask for the ``status`` of ``what`` until it is ``wanted``; the seconds that took.

        CheckFailed when the target's limit for resources is over.
        """
        begin = time.monotonic()
        pause = _FIRST_PAUSE
        while (now := status()) != wanted:
            self.cancel.check()
            pause = self._pause(begin, pause, f"{what} is {now}, not {wanted}")
        return time.monotonic() - begin

    def _pause(self, begin: float, pause: float, state: str) -> float:
        limit = self.target.resource
        if time.monotonic() - begin > limit:
            raise CheckFailed(f"{state} after {limit:.0f} s")
        time.sleep(pause)
        return min(pause * _GROWTH, _LONGEST_PAUSE)

    @contextmanager
    def temporary(
        self, service_type: str, path: str, what: str, *, wait: bool = False
    ) -> Iterator[None]:
        """Delete ``path`` when the block ends, however it ends.

        A deletion that fails is a failure, unless the block has failed already: then the first
        reason is the one to hear. ``wait`` for what is deleted later than it is asked to be.
        """
        try:
            yield
        except BaseException:
            with suppress(CheckFailed), self.cancel.held_back():
                self._remove(service_type, path, what, wait=wait)
            raise
        self._remove(service_type, path, what, wait=wait)

    def _remove(self, service_type: str, path: str, what: str, *, wait: bool) -> None:
        self.delete(service_type, path)
        begin = time.monotonic()
        pause = _FIRST_PAUSE
        while wait and not self._gone(service_type, path):
            pause = self._pause(begin, pause, f"{what} is deleted, but still there")

    def _gone(self, service_type: str, path: str) -> bool:
        answer = self.request("GET", service_type, path, ok=(*range(200, 300), 404))
        return answer.status_code == 404

    def _token(self) -> Token:
        if self.token is None:
            raise CheckFailed("there is no token yet")
        return self.token


def _root_cause(error: BaseException) -> str:
    """The innermost reason of the chain that requests and urllib3 wrap errors in."""
    seen = error
    while True:
        inner = getattr(seen, "reason", None) or seen.__cause__ or seen.__context__
        if not isinstance(inner, BaseException) or inner is seen:
            break
        seen = inner
    return str(seen).strip() or type(seen).__name__


def _said(answer: requests.Response) -> str:
    """What a service gives as the reason of an error, in one short line."""
    if answer.headers.get("X-AIO-Fence") == "closed":
        return "(the appliance's status page: it is not healthy)"
    text = answer.text
    try:
        content = answer.json()
    except ValueError:
        content = None
    if isinstance(content, dict):
        inner = next((one for one in content.values() if isinstance(one, dict)), content)
        text = str(inner.get("message") or inner.get("detail") or inner.get("type") or text)
    return " ".join(text.split())[:200]
