"""A whole appliance, sealed, booted natively again and again in one throw-away copy.

AIO_IMAGE_TEST_PROFILE   of which profile (debian-aio)
AIO_IMAGE_TEST_SETTINGS  settings of it, as `aio-image build --set` takes them, by spaces
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn

import pytest

from aio_image.appliance import roots, units
from aio_image.bake import gate, nspawn
from aio_image.bake.nspawn import Cable, Container
from aio_image.host import trees
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.profile.load import load_profile
from tests.host.bake.conftest import fresh_room

_LOADED = load_profile(
    os.environ.get("AIO_IMAGE_TEST_PROFILE", "debian-aio"),
    os.environ.get("AIO_IMAGE_TEST_SETTINGS", "").split(),
)
DEPLOYER = _LOADED.profile.deployer
RULES = gate.Rules.of(DEPLOYER)
_HEALTHY_SECONDS = 1200.0


def not_built(why: str) -> NoReturn:
    """Skip the test; fail it where a build is promised (`make sealed`)."""
    if os.environ.get("AIO_IMAGE_TEST_BUILT") == "yes":
        pytest.fail(why)
    pytest.skip(why)


def sealed_results() -> list[Path]:
    """What the gate boots: results below ``AIO_SEALED`` (made by ``python -m aio_image.bake``),
    else what a build of the profile has kept."""
    plan = make_plan(_LOADED)
    layers = plan.step("gate").layers
    if os.environ.get("AIO_SEALED"):
        return [Path(os.environ["AIO_SEALED"], name) for name in layers]
    steps = Home.default().steps
    results = [steps / name / plan.step(name).key for name in layers]
    if not all((result / "step.json").exists() for result in results):
        not_built(f"no sealed tree of this state: aio-image build {_LOADED.name}, or AIO_SEALED")
    return results


class Appliance:
    """The copy's tree ``root``; ``logs`` get one console file a boot."""

    def __init__(self, root: Path, logs: Path) -> None:
        self.root, self.logs = root, logs
        self.boots = 0

    def seed(self) -> None:
        """What a machine brings: the seed, and what a container cannot have left out."""
        shutil.rmtree(self.root / "var/lib/cloud/seed", ignore_errors=True)
        gate.leave_out(self.root, RULES)
        gate._seed(self.root, RULES)

    def at(self, name: str) -> Path:
        """The file ``name`` of the appliance: the host's, else that of a container."""
        places = [*roots.places(self.root, f"/{name}"), name]
        return self.root / places[0].lstrip("/")

    def beside(self, name: str, command: Sequence[str]) -> list[str]:
        """``command`` as it is run from the host where the file ``name`` is."""
        place = self.at(name).relative_to(self.root)
        homes = roots.containers(self.root).items()
        home = next((one for one, root in homes if place.is_relative_to(root.lstrip("/"))), "")
        return units.inside(home, command)

    @contextmanager
    def boot(self) -> Iterator[Container]:
        self.boots += 1
        network = RULES.network
        with nspawn.booted(
            self.root,
            console=self.logs / f"boot-{self.boots}.log",
            target="",
            cable=Cable(network["interface"], f"{network['gateway']}/{network['prefix']}"),
            wait=False,
            orderly=False,
        ) as container:
            yield container

    def until_healthy(self, container: Container, seconds: float = _HEALTHY_SECONDS) -> None:
        status = Path(f"/proc/{container.leader}/root/run/aio/status.json")
        until = time.monotonic() + seconds
        said: dict[str, object] = {}
        while said.get("state") != "healthy":
            with suppress(OSError, ValueError):
                said = json.loads(status.read_text())
            assert container.alive(), f"it went down: {said}"
            assert time.monotonic() < until, f"not healthy: {said}"
            time.sleep(0.5)

    def until_down(self, container: Container, seconds: float = 300) -> None:
        until = time.monotonic() + seconds
        while container.alive():
            assert time.monotonic() < until, "it does not reboot"
            time.sleep(0.5)


@contextmanager
def appliance(work: Path) -> Iterator[Appliance]:
    """Be in a private mount namespace."""
    room = fresh_room("appliance")
    try:
        with trees.writable(sealed_results(), room / "out", room / "work", durable=False) as root:
            made = Appliance(root, work)
            made.seed()
            yield made
    finally:
        shutil.rmtree(room, ignore_errors=True)
