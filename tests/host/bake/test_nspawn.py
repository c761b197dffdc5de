"""A small Debian really boots, runs commands, stops in good order, and never stays behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aio_image.bake import control_groups, nspawn
from aio_image.errors import BuildError
from aio_image.host import trees
from tests.host.bake.conftest import Private
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.host


def processes_of(folder: Path) -> list[str]:
    """Command lines of processes that name ``folder``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"{folder}/" in words and path.parent.name != str(os.getpid()):
            found.append(words.replace("\0", " "))
    return found


def groups() -> set[str]:
    """Control groups of containers of ours, on whatever hierarchy this host has."""
    return {
        group.name
        for place in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")
        for group in Path(place).glob("aio-image.*")
    }


def test_boots_runs_and_stops(small: Path, tmp_path: Path, private: Private) -> None:
    (tmp_path / "out").mkdir()

    def body() -> None:
        os.environ["SECRET_OF_THE_BUILD_HOST"] = "x"
        before = groups()
        with trees.writable([small], tmp_path / "out", tmp_path / "work") as root:
            with nspawn.booted(
                root, console=tmp_path / "console", hostname="aio-test"
            ) as container:
                assert container.alive()
                assert container.run(["systemctl", "is-system-running"]).output == "running\n"
                assert container.run(["hostname"]).output == "aio-test\n"
                assert container.run(["cat"], feed="fed").output == "fed"
                environment = container.run(["env"], env={"ONE": "1"}).output.split()
                assert sorted(word.partition("=")[0] for word in environment) == [
                    "HOME", "LC_ALL", "ONE", "PATH",
                ]  # fmt: skip
                links = container.run(["ip", "-brief", "link"]).output.splitlines()
                assert [line.split()[0] for line in links] == ["lo"]
                container.run(["sh", "-c", "echo kept > /root/kept"])
                container.run(["systemd-run", "--quiet", "--unit=bad", "sh", "-c",
                               "echo the reason; exit 7"])  # fmt: skip
                assert wait_for(lambda: container.failed_units() == ["bad.service"])
                assert "the reason" in container.journal("bad.service")
            assert not container.alive()
        assert groups() <= before
        assert (tmp_path / "out/tree/root/kept").read_text() == "kept\n"
        said = (tmp_path / "console").read_text(errors="replace")
        assert "Powering off" in said, said[-2000:]

    private(body)
    assert processes_of(tmp_path) == []


def test_a_cable_leads_to_the_outside_only(small: Path, tmp_path: Path, private: Private) -> None:
    (tmp_path / "out").mkdir()

    def body() -> None:
        with (
            trees.writable([small], tmp_path / "out", tmp_path / "work") as root,
            nspawn.booted(
                root,
                console=tmp_path / "console",
                cable=nspawn.Cable("eth0", "192.0.2.1/24"),
                orderly=False,
            ) as container,
        ):
            container.run(["ip", "address", "add", "192.0.2.10/24", "dev", "eth0"])
            container.run(["ip", "link", "set", "eth0", "up"])
            listen = (
                "import socket\ns = socket.create_server(('192.0.2.10', 80))\n"
                "open('/ready', 'w').close()\ns.accept()[0].sendall(b'hello')"
            )
            container.run(["systemd-run", "--quiet", "python3", "-c", listen])
            assert wait_for((root / "ready").exists)
            ask = "import socket; print(socket.create_connection(('192.0.2.10', 80)).recv(9))"
            said = subprocess.check_output([*container.outside(), sys.executable, "-c", ask])
            assert said == b"b'hello'\n"
            # Our own network has nothing of it.
            assert "aio-peer" not in Path("/proc/net/dev").read_text()

    private(body)


def test_a_tree_that_cannot_boot_says_why(tmp_path: Path, private: Private) -> None:
    for name in ("etc", "usr/lib", "proc", "sys", "dev"):
        (tmp_path / "root" / name).mkdir(parents=True)
    (tmp_path / "root/usr/lib/os-release").write_text("ID=nothing\n")

    def body() -> None:
        with (
            pytest.raises(BuildError, match="does not boot in systemd-nspawn") as caught,
            nspawn.booted(tmp_path / "root", console=tmp_path / "console", start_seconds=20),
        ):
            pass
        assert caught.value.details

    private(body)
    assert processes_of(tmp_path) == []


def test_what_raises_kills_it_at_once(small: Path, tmp_path: Path, private: Private) -> None:
    (tmp_path / "out").mkdir()

    def body() -> None:
        with (
            trees.writable([small], tmp_path / "out", tmp_path / "work") as root,
            pytest.raises(ZeroDivisionError),
            nspawn.booted(root, console=tmp_path / "console") as container,
        ):
            container.run(["systemd-run", "--quiet", "sh", "-c", "trap '' TERM; sleep 1000"])
            began = time.monotonic()
            _ = 1 / 0
        # Not as long as it would have to stop in good order.
        assert time.monotonic() - began < 120
        assert not container.alive()

    private(body)


def test_a_unit_that_will_not_stop_is_named(small: Path, tmp_path: Path, private: Private) -> None:
    (tmp_path / "out").mkdir()

    def body() -> None:
        with (
            trees.writable([small], tmp_path / "out", tmp_path / "work") as root,
            pytest.raises(BuildError, match=r"did not stop within 5 s.*stubborn\.service"),
            nspawn.booted(root, console=tmp_path / "console", stop_seconds=5) as container,
        ):
            container.run(["systemd-run", "--quiet", "--unit=stubborn", "sh", "-c",
                           "trap '' TERM; echo deaf; while :; do sleep 1; done"])  # fmt: skip
            assert wait_for(lambda: "deaf" in container.journal("stubborn.service"))

    private(body)
    assert processes_of(tmp_path) == []


KILLED = """
import sys, time
from pathlib import Path
from aio_image.bake import nspawn
from aio_image.host import trees
small, here = Path(sys.argv[1]), Path(sys.argv[2])
with trees.writable([small], here / "out", here / "work") as root:
    with nspawn.booted(root, console=here / "console") as container:
        print("up", flush=True)
        time.sleep(1000)
"""

OUTER = """
import sys
from pathlib import Path
from aio_image.host.namespace import run_private
here = Path(sys.argv[2])
run_private([sys.executable, "-c", (here / "killed.py").read_text(), *sys.argv[1:]],
            log=here / "log", env={"PYTHONPATH": sys.argv[3]})
"""


def test_sigkill_leaves_neither_processes_nor_mounts(small: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "killed.py").write_text(KILLED)
    project = str(Path(nspawn.__file__).parents[2])
    words = [sys.executable, "-c", OUTER, small, tmp_path, project]
    with subprocess.Popen(words, env={**os.environ, "PYTHONPATH": project}) as build:
        log = tmp_path / "log"
        wait_for(lambda: build.poll() is not None or (log.exists() and "up" in log.read_text()))
        assert build.poll() is None
        assert processes_of(tmp_path)
        build.send_signal(signal.SIGKILL)
    assert wait_for(lambda: processes_of(tmp_path) == [])
    assert str(tmp_path) not in Path("/proc/self/mountinfo").read_text()


NESTED = """
import sys
from pathlib import Path
sys.path.insert(0, "/srv")
from aio_image.bake import nspawn
from aio_image.host import trees
home = Path("/srv")
assert Path("/proc/1/comm").read_text() == "systemd\\n"
(home / "out").mkdir()
with trees.writable([home / "small"], home / "out", home / "work") as root:
    with nspawn.booted(root, console=home / "console") as container:
        assert len(list(Path("/sys/fs/cgroup").glob("aio-image.*"))) == 1
        container.run(["touch", "/root/kept"])
assert not list(Path("/sys/fs/cgroup").glob("aio-image.*"))
assert (home / "out/tree/root/kept").exists()
print("whole" if (home / "out/whole").exists() else "difference")
"""


def test_on_a_host_with_systemd_and_unified_control_groups(
    small: Path, tmp_path: Path, private: Private
) -> None:
    """The small Debian, booted, is the host: its systemd is process 1, its nspawn Debian 13's."""
    (tmp_path / "out").mkdir()

    def body() -> None:
        with trees.writable([small], tmp_path / "out", tmp_path / "work") as root:
            shutil.copytree(Path(nspawn.__file__).parents[1], root / "srv/aio_image")
            (root / "srv/small").mkdir()
            trees.copy_tree([small], root / "srv/small/tree", tmp_path / "work")
            (root / "srv/nested.py").write_text(NESTED)
            with nspawn.booted(root, console=tmp_path / "console", orderly=False) as host:
                as_a_unit = ["systemd-run", "--quiet", "--pipe", "--wait"]
                said = host.run([*as_a_unit, "python3", "/srv/nested.py"], timeout=2 * PATIENCE)
                # Its home is on our overlay, where overlays cannot have their upper layer.
                assert said.output.split() == ["whole"]

    private(body)


def test_control_groups_of_killed_builds_are_swept(
    small: Path, tmp_path: Path, private: Private, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    hierarchy = Path("/sys/fs/cgroup")
    if not (hierarchy / "cgroup.controllers").exists():
        hierarchy /= "unified"
    if not (hierarchy / "cgroup.controllers").exists():
        pytest.skip("this host shows no unified control groups outside of containers")
    left = hierarchy / f"aio-image.left{os.getpid()}"
    (left / "payload/system.slice").mkdir(parents=True)
    monkeypatch.setattr(control_groups, "_STALE_SECONDS", 0)

    def body() -> None:
        with (
            trees.writable([small], tmp_path / "out", tmp_path / "work") as root,
            nspawn.booted(root, console=tmp_path / "console", orderly=False),
        ):
            assert not left.exists()

    private(body)
