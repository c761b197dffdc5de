"""What the bake adds for a deployer that has set up its services itself."""

from __future__ import annotations

from typing import Any

import yaml

from aio_image.deployers import Recipe as BakeRecipe
from aio_image.paths import resource
from tests.unit.deployers.conftest import BAKE_ID, rendered

OWN = BakeRecipe(
    services=False,
    roles=(),
    units={"early": (), "guarded": (), "unwanted": ("spare.service",), "more": ()},
    root_login="prohibit-password",
    versioned=("haproxy",),
)


def _files() -> dict[str, str]:
    common: dict[str, Any] = {
        "aio_bake_id": BAKE_ID,
        "aio_release": {"release": "33.0.1", "series": "2026.1"},
        "aio_recipe": OWN.dump(),
        "aio_facts": {
            "deployer": "other",
            "scenario": "aio_metal",
            "services": [{"name": "haproxy", "units": ["haproxy.service"], "storage": None}],
            "dormant": [],
        },
        "aio_recovery": {},
        "aio_settle": {},
        "appliance_versions": type("Result", (), {"stdout_lines": ['haproxy: "3.0"']}),
    }
    return rendered(resource("playbooks") / "roles/appliance", common)


def test_only_the_appliance_s_role_runs() -> None:
    assert OWN.roles_of(["keystone", "haproxy"]) == ("appliance",)


def test_its_services_are_left_as_they_are() -> None:
    ours = ("/etc/aio/", "/etc/ssh/sshd_config.d/", "/etc/systemd/", "/usr/lib/systemd/system-pre",
            "/usr/share/aio/")  # fmt: skip
    assert [place for place in _files() if not place.startswith(ours)] == []


def test_the_release_tells_of_the_deployer_s_own() -> None:
    told = yaml.safe_load(_files()["/etc/aio/release.yaml"])
    assert told == {
        "bake_id": BAKE_ID, "deployer": "other", "scenario": "aio_metal", "release": "33.0.1",
        "series": "2026.1", "services": ["haproxy"], "dormant": [], "versions": {"haproxy": "3.0"},
    }  # fmt: skip


def test_its_own_ansible_may_log_in() -> None:
    text = _files()["/etc/ssh/sshd_config.d/10-aio.conf"]
    assert "PermitRootLogin prohibit-password\n" in text
    assert "PasswordAuthentication no\n" in text


def test_what_it_does_not_want_is_disabled() -> None:
    assert "disable spare.service\n" in _files()["/usr/lib/systemd/system-preset/10-aio.preset"]
