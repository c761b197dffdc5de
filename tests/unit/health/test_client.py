"""The client: what it makes of answers, and that it cleans up."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from aio_image import deployers
from aio_image.errors import Cancelled
from aio_image.health.client import CheckFailed, Cloud
from aio_image.health.target import Target, expected_of
from aio_image.profile.load import load_profile

from .conftest import Answer, Service


def says(status: int, content: object = None, **headers: str) -> Answer:
    return status, "" if content is None else json.dumps(content), headers


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"error": {"code": 500, "message": "database gone"}}, "500 database gone"),
        ({"NeutronError": {"type": "X", "message": "no such net", "detail": ""}}, "no such net"),
        ({"message": "plain"}, "500 plain"),
        ({}, "500 {}"),
    ],
)
def test_errors_have_the_service_s_reason(
    service: Service, cloud: Cloud, content: object, words: str
) -> None:
    service.answer = lambda _method, _path: says(500, content)
    with pytest.raises(CheckFailed) as told:
        cloud.get("image", "/v2/images")
    assert words in told.value.message
    assert told.value.message.startswith(f"GET {service.url}/v2/images: ")


def test_html_errors_are_one_short_line(service: Service, cloud: Cloud) -> None:
    service.answer = lambda _method, _path: (502, "<html>\n<p>bad\ngateway</p>" + "x" * 999, {})
    with pytest.raises(CheckFailed) as told:
        cloud.get("image", "/")
    assert "\n" not in told.value.message
    assert len(told.value.message) < 300


def test_the_fence_is_named(service: Service, cloud: Cloud) -> None:
    service.answer = lambda _method, _path: says(503, {}, **{"X-AIO-Fence": "closed"})
    with pytest.raises(CheckFailed, match="it is not healthy"):
        cloud.get("image", "/")


def test_nobody_there(cloud: Cloud) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(CheckFailed, match="Connection refused"):
        cloud.raw("GET", f"http://127.0.0.1:{port}/")


def test_no_answer(cloud: Cloud) -> None:
    slow = Cloud(replace(cloud.target, request=0.3))
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        pytest.raises(CheckFailed, match="no answer in 0 s"),
    ):
        slow.raw("GET", f"http://127.0.0.1:{mute.getsockname()[1]}/")


def test_what_is_made_is_deleted(service: Service, cloud: Cloud) -> None:
    service.answer = lambda _method, _path: says(204)
    with cloud.temporary("image", "/v2/images/1", "the image"):
        assert service.asked == []
    assert service.asked == ["DELETE /v2/images/1"]


def test_what_is_made_is_deleted_after_a_failure_which_stays_the_reason(
    service: Service, cloud: Cloud
) -> None:
    service.answer = lambda _method, _path: says(500, {"message": "and this, too"})
    with pytest.raises(CheckFailed, match=r"^the first$"), cloud.temporary("image", "/1", "it"):
        raise CheckFailed("the first")
    assert service.asked == ["DELETE /1"]


def test_what_is_made_is_deleted_after_a_stop(service: Service, cloud: Cloud) -> None:
    service.answer = lambda method, _path: says(204 if method == "DELETE" else 404)
    with pytest.raises(Cancelled), cloud.temporary("compute", "/servers/1", "it", wait=True):
        cloud.cancel.request("SIGINT")
        cloud.cancel.check()
    assert service.asked == ["DELETE /servers/1", "GET /servers/1"]


def test_a_deletion_that_fails_is_a_failure(service: Service, cloud: Cloud) -> None:
    service.answer = lambda _method, _path: says(409, {"message": "in use"})
    with pytest.raises(CheckFailed, match="409 in use"), cloud.temporary("network", "/1", "it"):
        pass


def test_what_stays_though_deleted_is_a_failure(service: Service, cloud: Cloud) -> None:
    service.answer = lambda method, _path: says(204 if method == "DELETE" else 200)
    with (
        pytest.raises(CheckFailed, match="the instance is deleted, but still there after 1 s"),
        cloud.temporary("compute", "/servers/1", "the instance", wait=True),
    ):
        pass


def test_waiting_tells_the_last_state(cloud: Cloud) -> None:
    states = iter(["creating", *["downloading"] * 99])
    with pytest.raises(CheckFailed, match="the volume is downloading, not available after 1 s"):
        cloud.wait_for("the volume", "available", lambda: next(states))


def test_block_storage_goes_by_several_names(cloud: Cloud, service: Service) -> None:
    assert cloud.endpoint("block-storage") == service.url
    with pytest.raises(CheckFailed, match="no public endpoint of type object-store"):
        cloud.endpoint("object-store")


def test_urls(tmp_path: Path) -> None:
    target = Target("127.1.2.3", "x", tmp_path, (), ports={443: 8443})
    assert target.url(443, "/horizon/") == "https://127.1.2.3:8443/horizon/"
    assert target.url(5000, "/v3") == "https://127.1.2.3:5000/v3"
    assert replace(target, ports={}).url(443, "/a") == "https://127.1.2.3/a"
    assert replace(target, address="2001:db8::1").url(5000) == "https://[2001:db8::1]:5000"
    assert "correct horse" not in repr(replace(target, password="correct horse"))


def test_what_the_deployer_offers() -> None:
    services = load_profile("debian-aio", []).services
    expected, ports = expected_of(deployers.load("debian").dump(services))
    found = {one.type: one.port for one in expected}
    assert found["identity"] == 5000
    assert found["image"] == 9292
    assert {443, 6080, 8774, 8776, 8778, 9696} <= set(ports)
