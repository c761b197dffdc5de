"""TLS, tokens and the catalogue: what every client meets first."""

from __future__ import annotations

import socket
import ssl

import requests

from aio_image.health.client import ALIASES, CheckFailed, Cloud
from aio_image.health.target import KEYSTONE_PORT

_HTTP = 80


def trusted(cloud: Cloud) -> str:
    """The CA comes from the appliance, and its certificate holds, as strictly as clients look.

    Python 3.13's default (VERIFY_X509_STRICT) refuses certificates that earlier ones take.
    """
    target = cloud.target
    if target.appliance:
        answer = cloud.raw("GET", target.url(_HTTP, "/aio/ca.pem", "http"), ok=(200,))
        target.ca.write_bytes(answer.content)
    try:
        trust = ssl.create_default_context(cafile=str(target.ca))
    except ssl.SSLError as error:
        raise CheckFailed(f"/aio/ca.pem is not a certificate: {error}") from error
    trust.verify_flags |= ssl.VERIFY_X509_STRICT
    port = target.ports.get(KEYSTONE_PORT, KEYSTONE_PORT)
    peer = target.peer or target.address
    try:
        with (
            socket.create_connection((peer, port), timeout=target.request) as plain,
            trust.wrap_socket(plain, server_hostname=target.address) as talk,
        ):
            told = talk.getpeercert() or {}
            version = talk.version()
    except OSError as error:  # ssl.SSLError is one
        reason = getattr(error, "verify_message", "") or str(error)
        raise CheckFailed(
            f"TLS at {target.address}:{port}: {reason}",
            "the certificate is made by personalise: journalctl -u aio-personalise",
        ) from error
    cloud.verify_with_ca()
    return f"{version}, valid until {told.get('notAfter', '?')}"


def token(cloud: Cloud) -> str:
    """Keystone gives the administrator a token over verified TLS, and refuses a wrong password."""
    given = cloud.authenticate()
    if not given.catalogue:
        raise CheckFailed("the token comes with an empty catalogue")
    wrong = {"name": cloud.target.user, "domain": {"name": cloud.target.domain}, "password": "no"}
    identity = {"methods": ["password"], "password": {"user": wrong}}
    cloud.raw(
        "POST",
        cloud.target.url(KEYSTONE_PORT, "/v3/auth/tokens"),
        json={"auth": {"identity": identity}},
        ok=(401,),
    )
    return f"{cloud.target.user} in project {cloud.target.project}; a wrong password is refused"


def catalogue(cloud: Cloud) -> str:
    """Every expected service is in the catalogue, at the public address, over TLS."""
    found = cloud.token.catalogue if cloud.token else {}
    wrong = []
    for one in cloud.target.expected:
        names = ALIASES.get(one.type, (one.type,))
        url = next((found[name] for name in names if name in found), None)
        expected = cloud.target.url(one.port)
        if url is None:
            wrong.append(f"no {one.type}")
        elif not (url + "/").startswith(expected + "/"):
            wrong.append(f"{one.type} is at {url}, not at {expected}")
    if wrong:
        raise CheckFailed("; ".join(wrong))
    return ", ".join(sorted(found))


def endpoints(cloud: Cloud) -> str:
    """Each public endpoint answers as an API does: with its versions, or by asking who it is."""
    found = cloud.token.catalogue if cloud.token else {}
    silent = []
    for service_type, url in found.items():
        try:
            answer = cloud.raw("GET", url + "/", ok=tuple(range(200, 500)))
        except CheckFailed as error:
            silent.append(f"{service_type}: {error.message}")
            continue
        fenced = answer.headers.get("X-AIO-Fence") == "closed"
        if fenced or not _is_an_api(answer):
            silent.append(f"{service_type}: {url}/ answers {answer.status_code}")
    if silent:
        raise CheckFailed("; ".join(silent))
    return f"{len(found)} answer"


def _is_an_api(answer: requests.Response) -> bool:
    # Heat's API for CloudFormation says as those of EC2 do that a request has to be signed.
    unsigned = answer.status_code == 400 and "<Code>IncompleteSignature</Code>" in answer.text
    return unsigned or answer.status_code in (200, 300, 401)
