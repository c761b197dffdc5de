"""The checks of optional services, against a cloud that behaves, or does not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from aio_image.health import key_manager, orchestration
from aio_image.health.client import CheckFailed, Cloud, Token
from tests.unit.health.conftest import Answer, Service


@pytest.fixture
def both(cloud: Cloud, service: Service) -> Cloud:
    types = ("orchestration", "key-manager")
    cloud.token = Token("t", "p", dict.fromkeys(types, service.url), {})
    return cloud


def heat(service: Service, states: list[str], word: str = "x" * 16) -> None:
    """Answers with one of ``states`` after another."""

    def answer(method: str, _path: str) -> Answer:
        if method == "POST":
            return 201, json.dumps({"stack": {"id": "1"}}), {}
        if method == "DELETE":
            return 204, "", {}
        state = states.pop(0) if len(states) > 1 else states[0]
        stack = {"stack_status": state, "stack_status_reason": "why"}
        return 200, json.dumps({"stack": {**stack, "outputs": [{"output_value": word}]}}), {}

    service.answer = answer


def test_a_stack_goes_the_whole_way(both: Cloud, service: Service) -> None:
    heat(
        service,
        ["CREATE_IN_PROGRESS", "CREATE_COMPLETE", "CREATE_COMPLETE", "DELETE_COMPLETE"],
    )
    assert orchestration.stack(both).endswith("deleted")
    name = f"{both.target.run}-stack"
    assert f"DELETE /stacks/{name}/1" in service.asked


def test_a_stack_that_fails_tells_why_and_is_deleted(both: Cloud, service: Service) -> None:
    heat(service, ["CREATE_FAILED"])
    with pytest.raises(CheckFailed, match="the stack is CREATE_FAILED: why"):
        orchestration.stack(both)
    assert any(line.startswith("DELETE ") for line in service.asked)


def test_an_output_that_is_none_is_a_failure(both: Cloud, service: Service) -> None:
    heat(service, ["CREATE_COMPLETE"], word="short")
    with pytest.raises(CheckFailed, match="the stack's output is 'short'"):
        orchestration.stack(both)


def barbican(service: Service, cloud: Cloud, *, public: str, echo: bool = True) -> None:
    kept: dict[str, str] = {}
    real = cloud.post

    def post(kind: str, path: str, body: dict[str, str]) -> object:
        kept["payload"] = body["payload"] if echo else "something else"
        return real(kind, path, body)

    def answer(method: str, path: str) -> Answer:
        if method == "POST":
            return 201, json.dumps({"secret_ref": f"{public}/v1/secrets/7"}), {}
        if method == "DELETE":
            kept.clear()
            return 204, "", {}
        if path.endswith("/payload") and kept:
            return 200, kept["payload"], {}
        return (200, "{}", {}) if kept else (404, "", {})

    service.answer = answer
    cloud.post = post  # type: ignore[method-assign]


def test_a_secret_comes_back_and_goes(both: Cloud, service: Service) -> None:
    barbican(service, both, public=service.url)
    assert key_manager.secret(both) == "a secret stored, read back and deleted"
    assert service.asked[-1] == "GET /v1/secrets/7"


def test_a_reference_nobody_outside_can_use(both: Cloud, service: Service) -> None:
    barbican(service, both, public="http://localhost:9311")
    with pytest.raises(CheckFailed, match="which is not public"):
        key_manager.secret(both)
    assert "DELETE /v1/secrets/7" in service.asked


def test_a_secret_that_is_another(both: Cloud, service: Service) -> None:
    barbican(service, both, public=service.url, echo=False)
    with pytest.raises(CheckFailed, match="comes back as something else"):
        key_manager.secret(both)


def test_nothing_waits_longer_than_the_limit(both: Cloud, service: Service) -> None:
    both.target = replace(both.target, resource=0.2)
    heat(service, ["CREATE_IN_PROGRESS"])
    with pytest.raises(CheckFailed, match="the stack is CREATE_IN_PROGRESS, not CREATE_COMPLETE"):
        orchestration.stack(both)
