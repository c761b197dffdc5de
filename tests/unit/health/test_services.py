"""Services that are up, come late, or do not come."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from aio_image.health import compute, volume
from aio_image.health.client import CheckFailed, Cloud

from .conftest import Answer, Service


def _rows(up: list[str], down: list[str]) -> str:
    rows = [{"binary": name, "state": "up", "status": "enabled"} for name in up]
    rows += [{"binary": name, "state": "down", "status": "enabled"} for name in down]
    return json.dumps({"services": rows})


def test_a_late_report_is_waited_for(service: Service, cloud: Cloud) -> None:
    said = [
        _rows(["cinder-scheduler"], ["cinder-volume"]),
        _rows(["cinder-scheduler", "cinder-volume"], []),
    ]
    service.answer = lambda *_: (200, said.pop(0), {})
    assert volume.services(cloud) == "cinder-scheduler, cinder-volume"
    assert said == []


def test_what_does_not_come_is_named(service: Service, cloud: Cloud) -> None:
    cloud.target = replace(cloud.target, resource=0.2)
    service.answer = lambda *_: (200, _rows(["nova-scheduler"], ["nova-compute"]), {})
    with pytest.raises(CheckFailed) as failed:
        compute.services(cloud)
    assert failed.value.message.startswith(
        "nova is without nova-compute, nova-conductor (journalctl -u nova-compute), not complete"
    )


def test_a_hypervisor_is_needed(service: Service, cloud: Cloud) -> None:
    def answer(_: str, path: str) -> Answer:
        if path.endswith("/os-services"):
            return 200, _rows(["nova-compute", "nova-conductor", "nova-scheduler"], []), {}
        return 200, json.dumps({"hypervisors": []}), {}

    service.answer = answer
    with pytest.raises(CheckFailed, match="no hypervisor"):
        compute.services(cloud)
