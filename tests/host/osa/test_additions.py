"""A service that an image carries for later: from the lock to `aio enable`, with no way out.

On the OpenStack-Ansible in small, whose playbook of that service asks for a package, a virtualenv
and the newest of what is there already.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aio_image.bake import nspawn
from aio_image.bake.osa import adding, carry, stores
from aio_image.deployers.openstack_ansible.staging import staging
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.plan.model import Step
from aio_image.profile.load import load_profile
from aio_image.report.events import Events
from tests.host.bake.conftest import fresh_room
from tests.host.osa.conftest import CARRYING, SOURCES, Built, install_code
from tests.osa.small import LATER, LATER_VENV, NO_ROOM, ORDER, VENV
from tests.private import in_private

pytestmark = pytest.mark.host
_SERVICES = "usr/share/aio/services.json"
_STAMP = "/var/lib/apt/periodic/update-success-stamp"


@pytest.fixture(scope="module")
def carried(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """Each step's result, by name: those of the deployed build, ``additions`` and ``carry``."""
    path = tmp_path_factory.mktemp("carried") / "small.lock.yaml"
    path.write_text(built.lock.text())
    plan = make_plan(load_profile("osa-aio-metal", [f"openstack_ansible.lock={path}", CARRYING]))
    home = Home(fresh_room("osa-additions"))
    # Where `aio-image lock` has put the copies.
    home.downloads.parent.mkdir(parents=True, exist_ok=True)
    home.downloads.symlink_to(built.home.downloads)
    found = {step.name: built.home.steps / step.name / step.key for step in built.plan.steps}
    table = replace(staging(), tools=())

    def make() -> None:
        # No index is asked here: wheels are of what is in the virtualenvs alone.
        stores.staging = lambda: table  # type: ignore[assignment]
        for name, body in (("additions", adding.add), ("carry", carry.carry)):
            body(_context(plan.step(name), home, found))
            found[name] = home.steps / name

    try:
        in_private(make)
        yield found | {name: home.steps / name for name in ("additions", "carry")}
    finally:
        shutil.rmtree(home.root, ignore_errors=True)


def _context(step: Step, home: Home, found: dict[str, Path]) -> StepContext:
    # What comes in between wants a cloud.
    there = {name for name in step.needs if name in found}
    step = replace(
        step,
        layers=tuple(name for name in step.layers if name in there),
        needs=tuple(name for name in step.needs if name in there),
    )
    output, work = home.steps / step.name, home.work / step.name
    output.mkdir(parents=True)
    work.mkdir(parents=True)
    log = home.root / f"{step.name}.log"
    inputs = {name: found[name] for name in step.needs}
    return StepContext(step, home, inputs, output, work, log, Events(lambda _: None))


def test_a_build_collects_what_it_brought_and_nothing_else(
    built: Built, carried: dict[str, Path]
) -> None:
    told = json.loads((carried["additions"] / "installed.json").read_text())
    assert "sl" in told["packages"]
    assert "hello" not in told["packages"]
    assert set(told["virtualenvs"]) == {LATER_VENV}
    taken = {pin.name: pin.commit for pin in built.lock.sources}
    (row,) = told["virtualenvs"][LATER_VENV]
    assert row["requirement"] == f"git+https://opendev.org/openstack/{LATER}@{taken[LATER]}"
    (played,) = json.loads((carried["additions"] / "playbooks.json").read_text())
    assert (played["service"], played["plays"], played["tasks"]) == (LATER, 1, 6)
    debs = {path.name.split("_")[0] for path in (carried["additions"] / "apt/pool").iterdir()}
    assert debs == set(told["packages"])


def test_nothing_of_the_service_is_in_the_image_but_what_it_is_made_of(
    carried: dict[str, Path],
) -> None:
    tree = carried["carry"] / "tree"
    files = {str(p.relative_to(tree)) for p in tree.rglob("*") if p.is_file()}
    assert {f"opt/aio/wheels/{LATER}-33.0.1-py3-none-any.whl", "opt/aio/apt/Packages"} <= files
    assert not (tree / "openstack").exists()
    assert not (tree / f"etc/openstack_deploy/conf.d/{LATER}.yml").exists()
    # The appliance's own sources are none of it.
    assert not (tree / "etc/apt").exists()
    for path in files:
        if not path.endswith((".deb", ".whl")):
            assert b"aioCanary" not in (tree / path).read_bytes(), path


def _no_cloud(root: Path) -> None:
    """The small release's service answers nobody, and there is no other to be looked after."""
    path = root / "usr/share/aio/additions.json"
    table = json.loads(path.read_text())
    table["rows"][LATER]["service"]["probes"] = []
    path.write_text(json.dumps(table))
    (root / _SERVICES).write_text(json.dumps({"format": 1, "services": [], "dormant": []}))


def _running(root: Path) -> list[str]:
    return [row["name"] for row in json.loads((root / _SERVICES).read_text())["services"]]


def test_it_is_added_with_no_way_out(carried: dict[str, Path]) -> None:
    """No card but loopback. What fails is named; the same command goes on; once more is none."""
    room = fresh_room("osa-enable")
    enable = ["/usr/bin/aio", "enable", LATER]

    def body() -> None:
        layers = [path for name, path in carried.items() if name != "additions"]
        (room / "out").mkdir()
        with trees.writable(layers, room / "out", room / "work") as root:
            install_code(root)
            _no_cloud(root)
            with nspawn.booted(
                root, console=room / "console", target="multi-user.target",
                mask=nspawn.FIRST_BOOT, start_seconds=900, orderly=False,
            ) as container:  # fmt: skip
                before = _order(root)
                (root / NO_ROOM.lstrip("/")).touch()
                failed = container.run(enable, check=False)
                assert failed.status == 1
                assert f"openstack.osa.{LATER}: task “Is there room”" in failed.errors
                assert f"`aio enable {LATER}` goes on" in failed.errors
                assert not (root / "var/lib/aio/added.json").exists()

                container.run(["rm", NO_ROOM])
                # As apt's own timer leaves it: nobody asks for new indexes then.
                container.run(["install", "-D", "/dev/null", _STAMP])
                done = container.run(enable)
                assert done.output.splitlines()[-1] == f"{LATER} is enabled"
                container.run(["test", "-x", "/usr/games/sl"])
                container.run([f"{LATER_VENV}/bin/python", "-c", f"import {LATER}"])
                # The carried wheel answers by its name, and nothing else is asked.
                asked = [f"{VENV}/bin/python", "-m", "pip", "install", "--no-index",
                         "--find-links", "/opt/aio/wheels", LATER]  # fmt: skip
                container.run(asked)
                container.run([f"{VENV}/bin/python", "-c", f"import {LATER}"])

                assert _running(root) == [LATER]
                again = container.run(enable)
                assert again.output == f"{LATER} is enabled already\n"
                assert _order(root) == [*before, f"{LATER} present"]
                own = (root / "etc/apt/sources.list.d/debian.sources").read_text()
                assert own == SOURCES

    try:
        in_private(body)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _order(root: Path) -> list[str]:
    return (root / ORDER).read_text().splitlines()
