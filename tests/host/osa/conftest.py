"""An OpenStack-Ansible in small, locked and deployed once for all tests here."""

from __future__ import annotations

import http.server
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path

import pytest

import aio_image.appliance
from aio_image.deployers.openstack_ansible.locking import Allowed, lock
from aio_image.errors import BuildError
from aio_image.execution.build import build
from aio_image.execution.runner import load_codes
from aio_image.host.process import run
from aio_image.host.uplink import NAMESERVER, uplink
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.plan.model import Plan
from aio_image.profile.load import LoadedProfile, load_profile
from aio_image.report.events import Event, Events, StepFailed, StepSkipped, StepStarted
from aio_image.sources.debian_mirror import choose_mirror
from aio_image.sources.git.client import Git
from aio_image.sources.git.mirrors import chosen
from aio_image.sources.git.pins import Lock
from tests.host.bake.conftest import RELEASE, debian, fresh_room
from tests.osa.small import LATER, MISSING, Small, small
from tests.private import in_private, lonely

PACKAGES = (
    "systemd-sysv", "systemd-resolved", "dbus", "python3", "python3-pip", "iproute2", "git",
    "openssh-server", "ansible-core",
)  # fmt: skip
PLAYED = (
    "sources", "runtime", "bootstrap", "setup_hosts", "setup_infrastructure", "setup_openstack",
)  # fmt: skip
CARRYING = f"openstack_ansible.additions=[{LATER}]"
SOURCES = f"""\
Types: deb
URIs: http://deb.debian.org/debian
Suites: {RELEASE}
Components: main
"""
# What the runtime gets by its requirements: copied from where the tests run, so that no index is
# asked. Pure Python, all of them.
RUNNER = ("ansible-runner", "pexpect", "ptyprocess", "python-daemon", "lockfile")


class _Page(http.server.ThreadingHTTPServer):
    """A host that the playbooks fetch from: not there at first."""

    there = False


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An address of this host that a container reaches by pasta, as the steps do."""
    said = subprocess.run(
        ["ip", "-4", "-o", "route", "get", "192.0.2.1"], capture_output=True, text=True, check=False
    ).stdout.split()
    if "src" not in said or not shutil.which("pasta") or not Path("/dev/net/tun").exists():
        pytest.skip("a container has no way out here (passt is not installed, no route, no tun)")
    scratch = tmp_path_factory.mktemp("uplink")

    def reached() -> None:
        with lonely() as pid, uplink(pid, scratch):
            there = _fetches(pid, f"dists/{RELEASE}/InRelease", scratch)
        if not there:
            pytest.skip("a container does not reach this host's Debian mirror")

    in_private(reached)
    return said[said.index("src") + 1]


def _fetches(pid: int, path: str, scratch: Path) -> bool:
    """Whether apt, as it is set up here, gets ``path`` of the mirror in that process's network.

    By the name server that containers have. Be in a private mount namespace.
    """
    servers = scratch / "resolv.conf"
    servers.write_text(f"nameserver {NAMESERVER}\n")
    run(["mount", "--bind", servers, Path("/etc/resolv.conf").resolve()])
    url = f"{choose_mirror(RELEASE).uri}/{path}"
    helper = ["/usr/lib/apt/apt-helper", "download-file", url, scratch / "fetched"]
    return run(["nsenter", f"--target={pid}", "--net", "--", *helper], check=False).status == 0


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


def locked(git: Git, loaded: LoadedProfile, allowed: Allowed) -> Lock:
    scenario = loaded.scenario
    return lock(
        git, "latest", scenario.text, scenario.expanded,
        allowed=allowed, told=lambda *_: None, later=loaded.additions,
    )  # fmt: skip


def install_code(root: Path) -> None:
    """The appliance's own code, which the step ``bake`` brings, in the tree ``root``."""
    source = Path(aio_image.appliance.__file__).parent
    shutil.copytree(source, root / "usr/lib/python3/dist-packages/aio_appliance")
    shutil.copyfile(source / "files/aio", root / "usr/bin/aio")
    (root / "usr/bin/aio").chmod(0o755)


def _install_runner(tree: Path) -> None:
    target = tree / "usr/local/lib/python3.13/dist-packages"
    for name in RUNNER:
        for file in distribution(name).files or ():
            path = target / file
            if ".." not in file.parts and file.suffix != ".pyc" and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file.locate()), path)
    program = tree / "usr/local/bin/ansible-runner"
    program.write_text(
        "#!/usr/bin/python3\nimport sys\nfrom ansible_runner.__main__ import main\n"
        "sys.exit(main())\n"
    )
    program.chmod(0o755)


def _keep_root(home: Home, plan: Plan) -> None:
    """A small Debian as the result of the step ``root``."""
    step = plan.step("root")
    kept = home.steps / "root" / step.key
    kept.mkdir(parents=True)
    tree = debian("osa", PACKAGES) / "tree"
    # As the real step leaves it: the only sources, over which those of the build host are mounted.
    for path in (tree / "etc/apt/sources.list.d").iterdir():
        path.unlink()
    (tree / "etc/apt/sources.list.d/debian.sources").write_text(SOURCES)
    _install_runner(tree)
    (kept / "tree").symlink_to(tree)
    record = {
        "profile": plan.profile, "step": "root", "key": step.key, "inputs": [], "settings": {},
        "needs": {}, "finished": datetime.now(UTC).isoformat(), "seconds": 1.0,
    }  # fmt: skip
    (kept / "step.json").write_text(json.dumps(record))


@pytest.fixture(scope="session")
def built(page: _Page, address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    folder = tmp_path_factory.mktemp("small")
    release = small(folder, f"http://{address}:{page.server_address[1]}/")
    home = Home(fresh_room("osa"))
    try:
        yield _built(page, release, home, folder / "small.lock.yaml")
    finally:
        shutil.rmtree(home.root, ignore_errors=True)


def _built(page: _Page, release: Small, home: Home, path: Path) -> Built:
    loaded = load_profile("osa-aio-metal", [f"openstack_ansible.lock={path}", CARRYING])
    git = Git(home.downloads / "git", chosen([str(release.mirror)]))
    found = locked(git, loaded, Allowed(frozenset({"nova", LATER}), frozenset({MISSING})))
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
