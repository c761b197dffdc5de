"""`aio enable` on a real cloud: the sealed tree of the last build, booted natively.

Of the kept results of debian-aio in this home, or of a folder of `python -m aio_image.bake` that
AIO_SEALED names. Two boots: about two minutes on two processors.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from aio_image.bake import gate, nspawn
from aio_image.bake.nspawn import Cable, Container
from aio_image.host import trees
from aio_image.host.process import run
from tests.host.appliance.booted import sealed_results
from tests.waiting import wait_for

pytestmark = pytest.mark.host
RULES = gate.Rules.of("debian")
ADDRESS = RULES.network["address"]
PORTS = {8004, 18004, 9311, 19311}
UNITS = ("heat-api.service", "heat-engine.service", "barbican-api.service")
CHECKS = ["tls", "keystone-token", "catalogue", "endpoints", "secret", "stack"]
MORE = ["stack-domain", "member"]


@pytest.fixture(scope="session")
def sealed() -> list[Path]:
    """Root, bake and seal, as kept."""
    return sealed_results()


class Appliance:
    """A booted copy, asked from inside and from outside."""

    def __init__(self, container: Container, root: Path) -> None:
        self.container = container
        self.root = root

    def until_healthy(self, seconds: float = 1200) -> None:
        until = time.monotonic() + seconds
        said: dict[str, Any] = {}
        while time.monotonic() < until:
            if self.inside("run/aio/status.json").exists():
                said = json.loads(self.inside("run/aio/status.json").read_text())
            if said.get("state") == "healthy":
                return
            time.sleep(0.5)
        raise AssertionError(said)

    def inside(self, path: str) -> Path:
        """A file as the container sees it: /run is not in the tree."""
        return Path(f"/proc/{self.container.leader}/root/{path}")

    def aio(self, *words: str, status: int = 0) -> str:
        done = self.container.run(["aio", *words], check=False, timeout=600)
        said = done.output + done.errors
        print(f"$ aio {' '.join(words)}\n{said}", flush=True)
        assert done.status == status, said
        return said

    def states(self) -> list[str]:
        asked = self.container.run(["systemctl", "is-active", *UNITS], check=False)
        return asked.output.split()

    def listening(self) -> set[int]:
        said = self.container.run(["ss", "-Hltn"]).output
        return {int(line.split()[3].rpartition(":")[2]) for line in said.splitlines()}

    def memory(self, user: str) -> int:
        """MiB of the processes of ``user``: their own, and their part of what is shared."""
        script = f"cat $(pgrep -u {user} | sed 's,.*,/proc/&/smaps_rollup,')"
        said = self.container.run(["sh", "-c", script]).output
        return sum(int(line.split()[1]) for line in said.splitlines() if "Pss:" in line) // 1024

    def from_outside(self, *checks: str) -> dict[str, Any]:
        table = json.loads((self.root / "usr/share/aio/services.json").read_text())
        secrets = yaml.safe_load((self.root / "etc/openstack_deploy/user_secrets.yml").read_text())
        given = {
            "address": ADDRESS,
            "password": secrets["keystone_auth_admin_password"],
            "table": table,
            "checks": checks,
        }
        done = run(
            [*self.container.outside(), sys.executable, Path(__file__).with_name("outside.py")],
            env={"PYTHONPATH": str(Path(__file__).parents[3])},
            feed=json.dumps(given),
            timeout=300,
        )
        answer: dict[str, Any] = json.loads(done.output)
        print(answer["results"], flush=True)
        return answer

    def serves_both(self) -> None:
        """Heat and Barbican are there in every way."""
        answer = self.from_outside(*CHECKS, *MORE)
        outcomes = {name: found[0] for name, found in answer["results"].items()}
        assert outcomes == dict.fromkeys([*CHECKS, *MORE], "ok")
        assert {"orchestration", "key-manager"} <= set(answer["catalogue"])
        assert self.states() == ["active"] * 3
        assert self.listening() >= PORTS
        table = json.loads((self.root / "usr/share/aio/services.json").read_text())
        told = {row["name"]: row["memory"] for row in table["services"] if row["optional"]}
        taken = {name: self.memory(name) for name in told}
        print(f"memory in MiB: {taken}, told: {told}", flush=True)
        assert all(taken[name] <= told[name] for name in told)

    def is_without_both(self) -> None:
        answer = self.from_outside(*CHECKS[:3])
        assert [answer["results"][name][0] for name in CHECKS[:3]] == ["ok"] * 3
        assert {"orchestration", "key-manager"}.isdisjoint(answer["catalogue"])
        assert self.states() == ["inactive"] * 3
        assert self.listening().isdisjoint(PORTS)


@contextmanager
def powered(root: Path, console: Path, *, orderly: bool) -> Iterator[Appliance]:
    cable = Cable(
        RULES.network["interface"], f"{RULES.network['gateway']}/{RULES.network['prefix']}"
    )
    with nspawn.booted(
        root, console=console, target="", cable=cable, wait=False, orderly=orderly
    ) as container:
        appliance = Appliance(container, root)
        appliance.until_healthy()
        yield appliance


def test_heat_and_barbican_wake_sleep_and_survive(
    sealed: list[Path], private: Callable[[Callable[[], None]], None], tmp_path: Path
) -> None:
    def body() -> None:
        copy = tmp_path / "copy"
        copy.mkdir()
        with trees.writable(sealed, copy, tmp_path, durable=False) as root:
            gate.leave_out(root, RULES)
            gate._seed(root, RULES)
            with powered(root, tmp_path / "first.log", orderly=True) as appliance:
                _first_boot(appliance)
            with powered(root, tmp_path / "second.log", orderly=False) as appliance:
                _second_boot(appliance)

    private(body)


def _first_boot(appliance: Appliance) -> None:
    appliance.is_without_both()
    assert "heat       dormant" in appliance.aio("enable", "--list")
    assert "nova is part of every cloud" in appliance.aio("enable", "nova", status=1)
    assert "octavia is not on this appliance" in appliance.aio("enable", "octavia", status=1)

    began = time.monotonic()
    appliance.aio("enable", "heat", "barbican")
    print(f"enabled in {time.monotonic() - began:.1f} s", flush=True)
    appliance.serves_both()
    assert "enabled already" in appliance.aio("enable", "heat")

    appliance.aio("disable", "heat", "barbican")
    appliance.is_without_both()
    assert "is not enabled" in appliance.aio("disable", "heat")
    _interrupt(appliance)
    assert "interrupted" in appliance.aio("enable", "--list")
    assert "first: aio enable heat" in appliance.aio("enable", "barbican", status=1)
    # What a boot does: its condition is met now.
    appliance.container.run(["systemctl", "start", "aio-enable.service"])
    assert wait_for(lambda: not (appliance.root / "var/lib/aio/changing.json").exists())
    appliance.aio("enable", "barbican")
    appliance.serves_both()
    assert not appliance.container.failed_units()


def _second_boot(appliance: Appliance) -> None:
    status = json.loads(appliance.inside("run/aio/status.json").read_text())
    assert {"heat-engine.service", "barbican-api.service", "heat", "barbican"} <= {
        one["name"] for one in status["timeline"]
    }
    appliance.serves_both()


def _interrupt(appliance: Appliance) -> None:
    """Kill `aio enable heat` as a power cut would, while its units start."""
    script = (
        "aio enable heat & child=$!;"
        " until systemctl is-active --quiet heat-api.service; do sleep 0.05; done;"
        " kill -KILL $child; wait $child; test $? = 137"
    )
    appliance.container.run(["bash", "-c", script], timeout=120)
