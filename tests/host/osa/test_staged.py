"""A staged image of the OpenStack-Ansible in small: its stores, its first boot with no way out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from aio_image.bake import nspawn
from aio_image.bake.osa import stage, stores
from aio_image.deployers.openstack_ansible.orders import Script, orders
from aio_image.deployers.openstack_ansible.staging import staging
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.plan.model import Plan
from aio_image.profile.load import load_profile
from aio_image.report.events import Events
from tests.host.bake.conftest import fresh_room
from tests.host.osa.conftest import Built, install_code
from tests.osa import figures
from tests.osa.small import ORDER, VENV
from tests.private import in_private

pytestmark = pytest.mark.host
BAKE = "0123456789abcdef"
_LAST = Script("last", "/usr/lib/aio/last", "")
STATE = {
    "release": BAKE,
    "done": {},
    "config": {},
    "values": {"host": "192.0.2.7", "interface": "eth0"},
}


@pytest.fixture(scope="module")
def plan(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    path = tmp_path_factory.mktemp("staged") / "small.lock.yaml"
    path.write_text(built.lock.text())
    return make_plan(load_profile("osa-aio-metal-staged", [f"openstack_ansible.lock={path}"]))


@pytest.fixture(scope="module")
def staged(built: Built, plan: Plan) -> Iterator[dict[str, Path]]:
    """Each step's result, by name: those of the deployed build, and the two of this level."""
    home = Home(fresh_room("osa-staged"))
    for folder in (home.work, home.steps):
        folder.mkdir(parents=True)
    found = {step.name: built.home.steps / step.name / step.key for step in built.plan.steps}

    table = replace(staging(), tools=())
    ordered = replace(orders(), scripts=(orders().scripts[0], _LAST))

    def make() -> None:
        # No index is asked here: wheels are of what is in the virtualenvs alone.
        stores.staging = lambda: table  # type: ignore[assignment]
        # There is no haproxy in it for the image's own scripts.
        stage.orders = lambda: ordered  # type: ignore[assignment]
        for name, body in (("stores", stores.stores), ("stage", stage.stage)):
            body(_context(plan, name, home, found))
            found[name] = home.steps / name

    try:
        in_private(make)
        yield found | {name: home.steps / name for name in ("stores", "stage")}
    finally:
        shutil.rmtree(home.root, ignore_errors=True)


def _context(plan: Plan, name: str, home: Home, found: dict[str, Path]) -> StepContext:
    step = plan.step(name)
    output, work = home.steps / name, home.work / name
    output.mkdir()
    work.mkdir()
    log = home.root / f"{name}.log"
    inputs = {each: found[each] for each in step.needs}
    return StepContext(step, home, inputs, output, work, log, Events(lambda _: None))


def test_the_stores_have_what_the_playbooks_brought(built: Built, staged: dict[str, Path]) -> None:
    told = json.loads((staged["stores"] / "installed.json").read_text())
    # Ansible's own module for packages brings what it needs itself.
    assert {"hello", "python3-apt"} <= set(told["packages"])
    taken = {pin.name: pin.commit for pin in built.lock.sources}
    (nova,) = told["virtualenvs"][VENV]
    assert nova["requirement"] == (f"git+https://opendev.org/openstack/nova@{taken['nova']}")
    assert [path.name for path in (staged["stores"] / "wheels").glob("*.whl")] == [
        "nova-33.0.1-py3-none-any.whl"
    ]
    debs = {path.name.split("_")[0] for path in (staged["stores"] / "apt/pool").glob("*.deb")}
    assert debs == set(told["packages"])
    rows = figures.stores(staged["stores"])
    assert [(row["store"], row["files"]) for row in rows] == [("apt", len(debs)), ("wheels", 1)]


def test_nothing_of_the_deployment_is_in_the_image(staged: dict[str, Path]) -> None:
    """Neither what the playbooks did, nor a canary: it is all still to be done."""
    own = staged["stage"] / "tree"
    assert not (own / ORDER).exists()
    assert not (own / "etc/nova.conf").exists()
    for path in own.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.suffix not in (".deb", ".whl"):
            assert b"aioCanary" not in path.read_bytes() or "aio_appliance" in path.parts, path


def test_a_first_boot_deploys_itself_and_goes_on_where_it_stopped(
    staged: dict[str, Path],
) -> None:
    """No card but loopback: what asks for more fails and is named, what is over is not repeated."""
    room = fresh_room("osa-first-boot")

    def body() -> None:
        layers = [staged[name] for name in ("root", "sources", "runtime", "stage")]
        (room / "out").mkdir()
        with trees.writable(layers, room / "out", room / "work") as root:
            _install(root)
            # As personalise leaves it: the image has what is no secret.
            with (root / "etc/openstack_deploy/user_secrets.yml").open("a") as secrets:
                secrets.write("nova_service_password: drawn\n")
            (root / "var/lib/aio").mkdir(parents=True)
            (root / "var/lib/aio/personalised").write_text(f"{BAKE}\n")
            (root / "var/lib/aio/state.json").write_text(json.dumps(STATE))
            with nspawn.booted(
                root, console=room / "console", target="multi-user.target",
                mask=nspawn.FIRST_BOOT, start_seconds=900, orderly=False,
            ) as container:  # fmt: skip
                done = container.run(["/usr/bin/aio", "deploy"], check=False)
                assert done.status == 1
                assert "setup_infrastructure: task “Fetch from afar”" in done.errors
                assert "unreachable" in done.errors
                status = json.loads(container.run(["cat", "/run/aio/status.json"]).output)
                assert (status["stage"], status["state"]) == ("deploy", "failed")
                assert _order(root)[-1].startswith("setup_hosts")
                assert _names(root) == ["bootstrap-aio.sh", "setup_hosts"]

                # As its owner would: OpenStack-Ansible's own variables.
                variables = root / "etc/openstack_deploy/user_variables.yml"
                variables.write_text("fetch_from_afar: false\n")
                container.run(["/usr/bin/aio", "deploy"])
                status = json.loads(container.run(["cat", "/run/aio/status.json"]).output)
                assert (status["state"], status["detail"]) == ("working", "deployed")
                assert status["done"] == status["total"]
                assert container.run(["hello", "--greeting=here"]).output == "here\n"
                container.run([f"{VENV}/bin/python", "-c", "import nova"])
                assert not (Path(f"/proc/{container.leader}/root/run/aio/deploy")).exists()
            assert _order(root) == [
                "bootstrap-ansible",
                "bootstrap-aio aio_metal 172.29.236.100",
                "setup_hosts galera=distro modules=1",
                "setup_infrastructure",
                "setup_openstack",
                "last",
            ]
            assert _names(root) == [
                "bootstrap-aio.sh", "setup_hosts", "setup_infrastructure", "setup_openstack",
                "last",
            ]  # fmt: skip
            config = (root / "etc/openstack_deploy/openstack_user_config.yml").read_text()
            assert "external_lb_vip_address: 192.0.2.7" in config
            assert (root / "etc/nova.conf").read_text() == "password = drawn\n"

    try:
        in_private(body)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _install(root: Path) -> None:
    """The appliance's own code, which the step ``bake`` brings; and the last of the orders."""
    install_code(root)
    last = root / _LAST.path.lstrip("/")
    last.parent.mkdir(parents=True)
    last.write_text(f"echo last >>/{ORDER}\n")


def _order(root: Path) -> list[str]:
    return (root / ORDER).read_text().splitlines()


def _names(root: Path) -> list[str]:
    done = json.loads((root / "var/lib/aio/deployed.json").read_text())["done"]
    return [one["name"] for one in done]
