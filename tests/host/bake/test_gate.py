"""Seal and gate on a small Debian with units of the tests' own: what they refuse, and how fast."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aio_image.bake import gate, seal
from aio_image.bake.canary import canary
from aio_image.errors import BuildError
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.paths import Home
from aio_image.plan.model import Step
from aio_image.report.events import Event, Events
from tests.host.bake.differences import whiteouts

pytestmark = pytest.mark.host

BAKE = "0123456789abcdef"
SERVICES = ["keystone"]
# Put together here, so that no file of the project looks like a key.
KEY = "-----BEGIN " + "PRIVATE KEY-----\n"
Steps = Callable[[str], StepContext]

# Speaks as the appliance's own code does, from a file that a test writes.
SPEAKER = """
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=mkdir -p /run/aio
ExecStart=cp /etc/says.json /run/aio/status.json
[Install]
WantedBy=multi-user.target
"""
STRAY = """
[Service]
ExecStart=python3 -m http.server --bind 0.0.0.0 8999
[Install]
WantedBy=multi-user.target
"""
ONCE_IT_LISTENS = """
[Unit]
After=says.service stray.service
[Service]
Type=oneshot
ExecStart=sh -c 'until ss -Hltn | grep -q :8999; do sleep 0.2; done'
ExecStart=cp /etc/healthy.json /run/aio/status.json
[Install]
WantedBy=multi-user.target
"""
FAILING = """
[Service]
ExecStart=sh -c 'echo the reason it fails; exit 3'
[Install]
WantedBy=multi-user.target
"""


@pytest.fixture
def steps(small: Path, tmp_path: Path) -> Steps:
    """Contexts of steps that come after ``small``; results are folders of the test's own."""
    order = ("root", "bake", "seal", "gate")
    (tmp_path / "root").symlink_to(small)

    def context(name: str) -> StepContext:
        needs = order[: order.index(name)]
        for folder in (tmp_path / name, tmp_path / "work" / name):
            folder.mkdir(parents=True)
        settings = {"deployer": "debian", "level": "deployed", "services": SERVICES, "dormant": []}
        told: list[Event] = []
        return StepContext(
            step=Step(name, name, needs, settings, (), BAKE * 4, layers=needs),
            home=Home(tmp_path),
            inputs={need: tmp_path / need for need in needs},
            output=tmp_path / name,
            work=tmp_path / "work" / name,
            log=tmp_path / f"{name}.log",
            events=Events(told.append),
        )

    return context


def write(result: Path, name: str, text: str) -> Path:
    path = result / trees.TREE / name.lstrip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def baked(tmp_path: Path) -> Path:
    """What a bake of Keystone alone would have left, as far as the seal looks at it."""
    result = tmp_path / "bake"
    admin = canary(BAKE, "keystone_auth_admin_password", 40)
    database = canary(BAKE, "keystone_container_mysql_password", 40)
    write(result, "/etc/aio/release.yaml", f"bake_id: {BAKE}\n")
    write(result, "/root/openrc", f"export OS_PASSWORD={admin}\n")
    write(result, "/etc/openstack/clouds.yaml", f"password: {admin}\n")
    write(result, "/etc/keystone/keystone.conf", f"mysql://keystone:{database}@127.0.0.1/x\n")
    write(result, "/var/log/keystone.log", f"connecting with {database}\n")
    write(result, "/etc/ssh/ssh_host_rsa_key", KEY)
    return result


def test_seal_takes_away_and_writes_the_ledger(steps: Steps, baked: Path) -> None:
    ctx = steps("seal")
    seal.run(ctx)
    gone = whiteouts(ctx.output / "tree")
    assert {"etc/ssh/ssh_host_rsa_key", "var/log/keystone.log"} <= gone
    inside = ctx.output / "tree/usr/lib/aio/ledger.json"
    assert json.loads(inside.read_text()) == json.loads((ctx.output / "ledger.json").read_text())
    assert json.loads(inside.read_text())["bake_id"] == BAKE
    assert (ctx.output / "tree/etc/machine-id").read_text() == ""
    assert (baked / "tree/var/log/keystone.log").exists(), "the bake's own result stays as it was"


def test_seal_tells_every_problem_at_once(steps: Steps, baked: Path) -> None:
    stray = canary(BAKE, "keystone_container_mysql_password", 40)
    write(baked, "/etc/stray.conf", f"{stray}\n")
    write(baked, "/etc/other.pem", KEY)
    write(baked, "/root/openrc", "export OS_PASSWORD=\n")
    with pytest.raises(BuildError, match=r"cannot be sealed: .* and 2 more") as caught:
        seal.run(steps("seal"))
    assert list(caught.value.details) == [
        "/etc/stray.conf (byte 0): holds keystone_container_mysql_password, but not by the ledger",
        "/root/openrc: the ledger says it holds keystone_auth_admin_password, but it does not",
        "/etc/other.pem (byte 11): holds “PRIVATE KEY-----”",
    ]


@pytest.fixture
def sealed(steps: Steps, baked: Path, tmp_path: Path) -> Path:
    """A sealed tree that speaks; tests say what."""
    assert baked.exists()
    services = {"services": [{"name": "x", "units": ["says.service", "dead.service"]}]}
    seal.run(steps("seal"))
    result = tmp_path / "seal"
    write(result, "/usr/share/aio/services.json", json.dumps(services))
    write(result, "/etc/systemd/system/says.service", SPEAKER)
    wants = result / "tree/etc/systemd/system/multi-user.target.wants"
    wants.mkdir()
    (wants / "says.service").symlink_to("/etc/systemd/system/says.service")
    return result


def says(result: Path, **status: object) -> None:
    whole = {"stage": "services", "done": 1, "total": 2, "state": "working", "detail": "", **status}
    write(result, "/etc/says.json", json.dumps(whole))


def refused(steps: Steps) -> BuildError:
    ctx = steps("gate")
    began = time.monotonic()
    with pytest.raises(BuildError) as caught:
        gate.run(ctx)
    # It is refused for what it says, not because time ran out.
    assert time.monotonic() - began < 300
    assert not (ctx.output / "gate.json").exists()
    assert "--- journal of the copy" in ctx.log.read_text()
    return caught.value


def test_gate_fails_fast_on_a_failed_unit(steps: Steps, sealed: Path) -> None:
    says(sealed)
    write(sealed, "/etc/systemd/system/bad.service", FAILING)
    wants = sealed / "tree/etc/systemd/system/multi-user.target.wants"
    (wants / "bad.service").symlink_to("/etc/systemd/system/bad.service")
    error = refused(steps)
    assert error.message.endswith("failed units: bad.service")
    assert any("the reason it fails" in line for line in error.details)


def test_gate_believes_an_appliance_that_says_it_failed(steps: Steps, sealed: Path) -> None:
    says(sealed, state="failed", detail="it is broken", failures=[{"unit": "u", "said": "why"}])
    error = refused(steps)
    assert error.message.endswith("not healthy: it is broken")
    assert "u: why" in error.details


def test_gate_does_not_believe_health_without_the_units(steps: Steps, sealed: Path) -> None:
    says(sealed, state="healthy", detail="fine", timeline=[])
    error = refused(steps)
    assert error.message.endswith("not active though it says healthy: dead.service: inactive")


def test_gate_refuses_what_listens_for_everybody(steps: Steps, sealed: Path) -> None:
    says(sealed)
    rows = [{"name": "x", "units": ["says.service", "stray.service"]}]
    services = {"services": rows, "inside": []}
    write(sealed, "/usr/share/aio/services.json", json.dumps(services))
    healthy = {"stage": "services", "done": 2, "total": 2, "state": "healthy", "detail": "fine"}
    write(sealed, "/etc/healthy.json", json.dumps({**healthy, "timeline": []}))
    for name, unit in (("stray", STRAY), ("healthy", ONCE_IT_LISTENS)):
        write(sealed, f"/etc/systemd/system/{name}.service", unit)
        wants = sealed / "tree/etc/systemd/system/multi-user.target.wants"
        (wants / f"{name}.service").symlink_to(f"/etc/systemd/system/{name}.service")
    error = refused(steps)
    assert error.message.startswith("the image listens where it should not: tcp 0.0.0.0:8999 ")
    assert "python3" in error.details[0]
    assert "deployers/ports.yaml" in error.hint


def test_gate_does_not_believe_health_without_a_token(steps: Steps, sealed: Path) -> None:
    says(sealed, state="healthy", detail="fine", timeline=[])
    services = {"services": [{"name": "x", "units": ["says.service"]}], "inside": []}
    write(sealed, "/usr/share/aio/services.json", json.dumps(services))
    write(sealed, "/etc/openstack_deploy/user_secrets.yml", "keystone_auth_admin_password: x\n")
    error = refused(steps)
    assert "no token from https://192.0.2.10:5000/v3" in error.message
