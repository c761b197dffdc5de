"""A name that leads nowhere from here, reached at an address: TLS and cookies go by the name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aio_image.health import identity
from aio_image.health.client import CheckFailed, Cloud
from aio_image.health.target import Target

from .conftest import Service
from .test_tls import Authority, Https, authority, https

__all__ = ["authority", "https"]

NAME = "cloud.example.invalid"


@pytest.fixture
def named(target: Target, service: Service) -> Cloud:
    return Cloud(replace(target, address=NAME, peer="127.0.0.1", ports={80: service.port}))


def test_requests_go_to_the_peer_by_the_name(named: Cloud, service: Service) -> None:
    hosts = []

    def answer(_method: str, path: str) -> tuple[int, str, dict[str, str]]:
        if path == "/first":
            return 302, "", {"Location": "/second", "Set-Cookie": "kept=yes; Path=/"}
        hosts.append(path)
        return 200, "here", {}

    service.answer = answer
    got = named.raw("GET", named.target.url(80, "/first", "http"))
    assert got.text == "here"
    assert got.url == f"http://{NAME}:{service.port}/second"
    assert named.session.cookies.get("kept", domain=NAME) == "yes"
    assert hosts == ["/second"]


def test_the_certificate_has_to_be_the_name_s(
    named: Cloud, service: Service, authority: Authority, https: dict[str, Https]
) -> None:
    ca = authority.make()
    service.answer = lambda _method, _path: (200, ca.read_text(), {})
    https["right"] = Https(authority.leaf(f"DNS:{NAME}"))
    ports = {80: service.port, 5000: https["right"].port}
    cloud = Cloud(replace(named.target, ports=ports))
    assert identity.trusted(cloud).startswith("TLSv1.3")
    assert cloud.raw("GET", cloud.target.url(5000, "/"), ok=(501,)).status_code == 501

    https["wrong"] = Https(authority.leaf("IP:127.0.0.1,DNS:localhost"))
    ports = {80: service.port, 5000: https["wrong"].port}
    other = Cloud(replace(named.target, ports=ports))
    with pytest.raises(CheckFailed, match="Hostname mismatch"):
        identity.trusted(other)
    other.verify_with_ca()
    with pytest.raises(CheckFailed, match=r"TLS: .*doesn't match|TLS: .*mismatch"):
        other.raw("GET", other.target.url(5000, "/"))
