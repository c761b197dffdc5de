"""`aio-image credentials` through a real sshd, to the appliance's own `aio` on a small image."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml

from aio_image import deployers
from aio_image.appliance import personalise
from aio_image.appliance.layout import Layout
from aio_image.appliance.status import Reporter
from aio_image.paths import Home
from aio_image.profile.load import load_profile
from tests.unit.appliance.small_image import make_image

pytestmark = pytest.mark.host
ADDRESS = "127.250.3.10"
ROOT = Path(__file__).resolve().parents[3]
# What /usr/bin/aio is on an appliance, for one below a folder; `sudo -n` as root changes nothing.
AIO = """#!{python}
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from aio_image.appliance.cli import main
from aio_image.appliance.layout import Layout
sys.exit(main(layout=Layout(Path({root!r}))))
"""
SUDO = """#!/bin/sh
[ "$1" = -n ] || exit 64
shift
exec "$@"
"""


@dataclass
class Machine:
    """An sshd on ``ADDRESS`` whose `aio` is that of the image at ``layout``."""

    folder: Path
    layout: Layout
    port: int

    def run(self, *words: str, known: bool = True) -> subprocess.CompletedProcess[str]:
        options = [
            "-p", str(self.port), "-i", str(self.folder / "key"), "-F", "none",
            "-o", f"UserKnownHostsFile={self.folder / ('known' if known else 'none')}",
            "-o", "BatchMode=yes",
        ]  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "aio_image", "--plain", "credentials", *words,
             "--output", self.folder / "client", *(f"--ssh-option={word}" for word in options)],
            env={**os.environ, "NO_PROXY": "*", "HOME": str(self.folder)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def clouds(self) -> dict[str, dict[str, object]]:
        text = (self.folder / "client/clouds.yaml").read_text(encoding="utf-8")
        found: dict[str, dict[str, object]] = yaml.safe_load(text)["clouds"]
        return found


@pytest.fixture(scope="session")
def unpacked() -> Path:
    """Debian's openssh-server, not installed: a build host is given no door it did not have."""
    room = Home.default().root / "tests" / "openssh-server"
    if not (room / "usr/sbin/sshd").exists():
        new = room.with_name(f"{room.name}.{os.getpid()}")
        new.mkdir(parents=True)
        subprocess.run(["apt-get", "-q", "download", "openssh-server", "libwrap0"],
                       cwd=new, check=True, capture_output=True)  # fmt: skip
        for package in new.glob("*.deb"):
            subprocess.run(["dpkg", "-x", package, new], check=True)
        shutil.rmtree(room, ignore_errors=True)
        new.rename(room)
    return room


@pytest.fixture
def machine(tmp_path: Path, unpacked: Path) -> Iterator[Machine]:
    layout = make_image(tmp_path / "root")
    services = load_profile("debian-aio", []).services
    layout.services.write_text(json.dumps(deployers.load("debian").dump(services)))
    layout.config.write_text(f"public_address: {ADDRESS}\n")
    personalise.run(layout, Reporter(layout, []))
    programs = tmp_path / "bin"
    programs.mkdir()
    path = [entry for entry in sys.path if entry]
    text = AIO.format(python=sys.executable, path=[str(ROOT), *path], root=str(layout.root))
    for name, content in (("aio", text), ("sudo", SUDO)):
        (programs / name).write_text(content)
        (programs / name).chmod(0o755)
    for name in ("host", "key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True
        )
    with socket.create_server((ADDRESS, 0)) as free:
        port = int(free.getsockname()[1])
    (tmp_path / "known").write_text(f"[{ADDRESS}]:{port} {(tmp_path / 'host.pub').read_text()}")
    (tmp_path / "sshd_config").write_text(
        f"ListenAddress {ADDRESS}:{port}\nHostKey {tmp_path / 'host'}\nPidFile none\n"
        f"AuthorizedKeysFile {tmp_path / 'key.pub'}\nStrictModes no\nUsePAM no\n"
        f"PasswordAuthentication no\nSetEnv PATH={programs}:/usr/bin:/bin\n"
    )
    # OpenSSH 9.8 and later run a session as a program of its own.
    with (tmp_path / "sshd_config").open("a") as config:
        for word, name in (("SshdSessionPath", "sshd-session"), ("SshdAuthPath", "sshd-auth")):
            if (path := unpacked / "usr/lib/openssh" / name).exists():
                config.write(f"{word} {path}\n")
    users = tmp_path / "passwd"
    users.write_text(f"{Path('/etc/passwd').read_text()}sshd:x:65533:65534::/run/sshd:/bin/false\n")
    libraries = ":".join(str(path.parent) for path in unpacked.rglob("libwrap.so.0"))
    # The user that sshd wants, and its folder, only where it sees them.
    start = (
        'mount --bind "$0" /etc/passwd; mount -t tmpfs x /run; mkdir -m 755 /run/sshd; exec "$@"'
    )
    daemon = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-e", "-c", start, users,
         unpacked / "usr/sbin/sshd", "-D", "-e", "-f", tmp_path / "sshd_config"],
        env={**os.environ, "LD_LIBRARY_PATH": libraries},
        stderr=(tmp_path / "sshd.log").open("w"),
    )  # fmt: skip
    try:
        _wait_for(port)
        yield Machine(tmp_path, layout, port)
    finally:
        daemon.terminate()
        daemon.wait(timeout=20)


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection((ADDRESS, port), timeout=1).close()
        except OSError:
            assert time.monotonic() < until, "sshd does not listen"
            time.sleep(0.05)
        else:
            return


class Keystone(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def keystone(machine: Machine) -> Iterator[None]:
    """Where the appliance's certificate is shown: port 5000 of its address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(machine.layout.pki / "haproxy.pem")
    server = ThreadingHTTPServer((ADDRESS, 5000), Keystone)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("keystone")
def test_a_client_made_ready(machine: Machine) -> None:
    mine = "# mine\nclouds:\n  prod:   # keep\n    profile: vexxhost\n"
    file = machine.folder / "client/clouds.yaml"
    file.parent.mkdir()
    file.write_text(mine)
    done = machine.run(ADDRESS, "--user", getpass.getuser())
    assert done.returncode == 0, done.stdout + done.stderr
    assert file.read_text().startswith(mine)
    assert file.stat().st_mode & 0o777 == 0o600
    cloud = machine.clouds()[f"aio-{ADDRESS}"]
    secrets = yaml.safe_load(machine.layout.secrets.read_text())
    password = secrets["keystone_auth_admin_password"]
    assert cloud["auth"]["password"] == password  # type: ignore[index]
    ca = Path(str(cloud["cacert"]))
    assert ca.read_bytes() == (machine.layout.pki / "ca.pem").read_bytes()
    assert f"--os-cloud aio-{ADDRESS} token issue" in done.stdout
    # It was tried, with verification: nothing to complain of. And no secret is shown.
    assert "does not answer" not in done.stdout
    assert "endpoints are at" not in done.stdout
    assert password not in done.stdout + done.stderr

    again = machine.run(f"{getpass.getuser()}@{ADDRESS}")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "has them already" in again.stdout
    assert file.read_text().startswith(mine)


def test_it_says_that_it_goes_by_another_name(machine: Machine) -> None:
    layout = machine.layout
    state = json.loads(layout.state.read_text())
    state["values"]["host"] = "cloud.example.invalid"
    state["values"]["address"] = "203.0.113.7"
    layout.state.write_text(json.dumps(state))
    done = machine.run(ADDRESS, "--user", getpass.getuser(), "--cloud", "lab")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"ssh went to {ADDRESS}, but the appliance's endpoints are at cloud.example" in done.stdout
    )
    assert "https://cloud.example.invalid:5000/v3 does not answer from here" in done.stdout
    assert set(machine.clouds()) == {"lab"}


def test_another_cloud_of_that_name_is_not_replaced(machine: Machine) -> None:
    file = machine.folder / "client/clouds.yaml"
    file.parent.mkdir()
    theirs = "clouds:\n  lab:\n    auth:\n      auth_url: https://prod.example.org/v3\n"
    file.write_text(theirs)
    done = machine.run(ADDRESS, "--user", getpass.getuser(), "--cloud", "lab")
    assert done.returncode == 2
    assert "'lab' is another cloud, at https://prod.example.org/v3" in done.stderr
    assert file.read_text() == theirs
    assert not list(file.parent.glob("*.pem"))


def test_a_host_nobody_knows_is_ssh_s_to_refuse(machine: Machine) -> None:
    done = machine.run(ADDRESS, "--user", getpass.getuser(), known=False)
    assert done.returncode == 6
    assert "Host key verification failed" in done.stderr
    assert not (machine.folder / "client").exists()


def test_what_goes_wrong_over_there_is_told(machine: Machine) -> None:
    machine.layout.personalised.unlink()
    done = machine.run(ADDRESS, "--user", getpass.getuser())
    assert done.returncode == 6
    assert "this appliance has no secrets yet" in done.stderr
    (machine.folder / "bin/aio").unlink()
    done = machine.run(ADDRESS, "--user", getpass.getuser())
    assert done.returncode == 6
    assert "aio: not found" in done.stderr
    assert "HOST is to be an appliance" in done.stderr
    assert not (machine.folder / "client").exists()
