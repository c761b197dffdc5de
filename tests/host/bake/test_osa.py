"""OpenStack-Ansible's steps from a mirror to the last playbook, on an OpenStack-Ansible in small.

Real git repositories in its shape, its scripts and places, real ansible-playbook in a booted
container: lock, sources, bootstrap, the three playbooks, one of which fails and is resumed.
"""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aio_image.deployers.openstack_ansible.locking import Allowed, lock
from aio_image.errors import BuildError, MirrorError
from aio_image.execution.build import build
from aio_image.execution.runner import load_codes
from aio_image.host import trees
from aio_image.host.uplink import uplink
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.plan.model import Plan
from aio_image.profile.load import LoadedProfile, load_profile
from aio_image.report.events import Event, Events, StepFailed, StepSkipped, StepStarted
from aio_image.sources.git.client import Git
from aio_image.sources.git.mirrors import chosen
from aio_image.sources.git.pins import Lock, parse
from tests.host.bake.conftest import debian, fresh_room
from tests.osa import figures
from tests.osa.small import MISSING, ORDER, Small, small
from tests.private import in_private, lonely

pytestmark = pytest.mark.host

PACKAGES = (
    "systemd-sysv", "systemd-resolved", "dbus", "python3", "iproute2", "git", "openssh-server",
    "ansible-core",
)  # fmt: skip
PLAYED = ("sources", "bootstrap", "setup_hosts", "setup_infrastructure", "setup_openstack")


class _Page(http.server.ThreadingHTTPServer):
    """A host that the playbooks fetch from: not there at first."""

    there = False


@pytest.fixture(scope="module")
def page() -> Iterator[_Page]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if server.there else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = _Page(("", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An address of this host that a container reaches by pasta, as the steps do."""
    said = subprocess.run(
        ["ip", "-4", "-o", "route", "get", "192.0.2.1"], capture_output=True, text=True, check=False
    ).stdout.split()
    if "src" not in said or not shutil.which("pasta") or not Path("/dev/net/tun").exists():
        pytest.skip("a container has no way out here (passt is not installed, no route, no tun)")

    def reached() -> None:
        with lonely() as pid, uplink(pid, tmp_path_factory.mktemp("uplink")):
            pass

    in_private(reached)
    return said[said.index("src") + 1]


@dataclass
class Told:
    """What a build said of its steps."""

    ran: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            self.ran.append(event.step)
        elif isinstance(event, StepSkipped):
            self.skipped.append(event.step)
        elif isinstance(event, StepFailed):
            self.failed.append(event.step)


@dataclass
class Built:
    """A build that failed once, and then went on."""

    release: Small
    home: Home
    lock: Lock
    plan: Plan
    first: Told
    error: BuildError
    second: Told


def _locked(git: Git, loaded: LoadedProfile, allowed: Allowed) -> Lock:
    scenario = loaded.scenario
    return lock(
        git, "latest", scenario.text, scenario.expanded, allowed=allowed, told=lambda *_: None
    )


def _keep_root(home: Home, plan: Plan) -> None:
    """A small Debian as the result of the step ``root``."""
    step = plan.step("root")
    kept = home.steps / "root" / step.key
    kept.mkdir(parents=True)
    tree = debian("osa", PACKAGES) / "tree"
    # As the real step leaves it: the build host's sources are mounted over that file.
    (tree / "etc/apt/sources.list.d/debian.sources").touch()
    (kept / "tree").symlink_to(tree)
    record = {
        "profile": plan.profile, "step": "root", "key": step.key, "inputs": [], "settings": {},
        "needs": {}, "finished": datetime.now(UTC).isoformat(), "seconds": 1.0,
    }  # fmt: skip
    (kept / "step.json").write_text(json.dumps(record))


@pytest.fixture(scope="module")
def built(page: _Page, address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("small")
    release = small(folder, f"http://{address}:{page.server_address[1]}/")
    home = Home(fresh_room("osa"))
    try:
        yield _built(page, release, home, folder / "small.lock.yaml")
    finally:
        shutil.rmtree(home.root, ignore_errors=True)


def _built(page: _Page, release: Small, home: Home, path: Path) -> Built:
    loaded = load_profile("osa-aio-metal", [f"openstack_ansible.lock={path}"])
    git = Git(home.downloads / "git", chosen([str(release.mirror)]))
    found = _locked(git, loaded, Allowed(frozenset({"nova"}), frozenset({MISSING})))
    path.write_text(found.text())
    whole = make_plan(loaded)
    # What comes after the playbooks wants a cloud.
    plan = Plan(whole.profile, tuple(s for s in whole.steps if s.name in ("root", *PLAYED)))
    _keep_root(home, plan)
    first, second = Told(), Told()

    def go_on(told: Told) -> None:
        build(plan, home, Events(told), codes=load_codes(plan))

    with pytest.raises(BuildError) as caught:
        go_on(first)
    page.there = True
    go_on(second)
    return Built(release, home, found, plan, first, caught.value, second)


def test_a_commit_that_the_mirror_lacks_is_named_with_what_names_it(built: Built) -> None:
    """Before anything is built: with role, commit and mirror, and both ways out."""
    loaded = load_profile("osa-aio-metal")
    git = Git(built.home.downloads / "git", chosen([str(built.release.mirror)]))
    with pytest.raises(MirrorError, match="2 sources cannot be had") as caught:
        _locked(git, loaded, Allowed())
    role, service = caught.value.details
    where = f"file://{built.release.mirror}/opendev.org/openstack"
    assert f"ansible-role-requirements.yml: role {MISSING}" in role
    assert f"{where}/ansible-role-frrouting" in role
    assert f"service nova: {where}/nova has no commit {'5' * 40}" in service
    assert "--nearest nova: the head of stable/2026.1" in service


def test_a_playbook_that_failed_is_the_one_a_build_goes_on_at(built: Built) -> None:
    assert built.first.ran == list(PLAYED[:4])
    assert built.first.failed == ["setup_infrastructure"]
    assert "setup_infrastructure: task “Fetch from afar” on aio1" in built.error.message
    assert "playbooks/setup_infrastructure.yml" in built.error.message
    assert "404" in built.error.message
    assert built.second.ran == list(PLAYED[3:])
    assert built.second.skipped == ["root", *PLAYED[:3]]


def test_scripts_and_playbooks_ran_in_order_with_their_variables(built: Built) -> None:
    def body() -> None:
        folders = [built.home.steps / step.name / step.key for step in built.plan.steps]
        work = fresh_room("osa-work")
        with trees.merged(folders, work) as tree:
            assert (tree / ORDER).read_text().splitlines() == [
                "bootstrap-ansible",
                "bootstrap-aio aio_metal 172.29.236.100",
                "setup_hosts galera=distro modules=0",
                "setup_infrastructure",
                "setup_openstack",
            ]
            # From the sources in the tree: the commit that was taken instead, of a git host.
            taken = {pin.name: pin.commit for pin in built.lock.sources}
            assert _head(tree / "opt/nova") == taken["nova"]
            assert _head(tree / "etc/ansible/roles/openstack_hosts") == taken["openstack_hosts"]
            assert _head(tree / "opt/openstack-ansible") == taken["openstack-ansible"]
            collections = tree / "etc/ansible/collections/ansible_collections"
            assert (collections / "kubernetes/core/galaxy.yml").is_file() or (
                collections / "kubernetes/core/MANIFEST.json"
            ).is_file()
            assert (
                "was left out" in (tree / f"etc/ansible/roles/{MISSING}/tasks/main.yml").read_text()
            )
            assert "aioCanary" in (tree / "etc/nova.conf").read_text()
            assert (
                "aio-canary.invalid"
                in (tree / "etc/openstack_deploy/openstack_user_config.yml").read_text()
            )
            # What `after` of deploy.yaml runs when the last is over.
            assert json.loads((tree / "etc/rabbitmq/definitions.json").read_text())
            # Nothing that the build host lent is left.
            assert not (tree / "etc/apt/apt.conf.d/00aio-build").exists()
            assert not (tree / "usr/local/sbin/sysctl").exists()
        shutil.rmtree(work)

    in_private(body)


def _head(folder: Path) -> str:
    return subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", folder, "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_its_figures_and_what_was_replaced(built: Built, tmp_path: Path) -> None:
    rows = {row["step"]: row for row in figures.steps(built.plan, built.home)}
    assert {row["state"] for name, row in rows.items() if name in PLAYED} == {"made"}
    assert (rows["setup_hosts"]["plays"], rows["setup_hosts"]["tasks"]) == (1, 3)
    assert all(rows[name]["megabytes"] > 0 and rows[name]["files"] > 0 for name in PLAYED)
    (left,) = figures.steps(built.plan, Home(tmp_path))[-1:]
    assert left == {"step": PLAYED[-1], "state": "not made"}
    known = parse(built.lock.text())
    assert [(row["kind"], row["name"], row["taken"]) for row in figures.replaced(known)] == [
        ("service", "nova", "head of stable/2026.1"),
        ("role", MISSING, "left out"),
    ]
