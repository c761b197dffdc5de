"""A root file system booted in systemd-nspawn, as a context manager.

It works where systemd is process 1 and where it is not, with unified and with hybrid control
groups: nspawn gets a mount namespace of its own in which ``/run`` is empty (it then asks no
systemd of the host for anything) and ``/sys/fs/cgroup`` is the unified hierarchy, with a control
group made for it. (systemd-nspawn(1): --register, --keep-unit; SYSTEMD_NSPAWN_UNIFIED_HIERARCHY
in systemd's docs/ENVIRONMENT.md.) There is no network inside except what the caller asks for.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from aio_image.bake import control_groups
from aio_image.bake.control_groups import HIERARCHY
from aio_image.errors import BuildError, HostError
from aio_image.host.process import Completed, clean_environment, run

# What a command inside gets: nothing of the build host's.
_INSIDE = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
}

# Units that make a boot the image's first one: masked where it is not.
FIRST_BOOT = (
    "cloud-init-local.service",
    "cloud-init-network.service",
    "cloud-init-main.service",
    "cloud-config.service",
    "cloud-final.service",
)
_PEER = "aio-peer"
# Not the number of the end inside: a card whose two ends have the same looks like none to who asks
# for hardware or one end of a pair (aio_image/appliance/addresses.py).
_PEER_INDEX = "1000"
_KILL_SECONDS = 20
# systemd draws one such line a second for a job that takes long.
_SPINNER = re.compile(r"\[[ *]+\] ")

# $0 is the control group's name, the rest is nspawn's command line.
_START = f"""
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t cgroup2 cgroup2 {HIERARCHY}
mkdir {HIERARCHY}/$0
echo $$ > {HIERARCHY}/$0/cgroup.procs
exec "$@"
"""


@dataclass(frozen=True)
class Cable:
    """One Ethernet interface inside, and the address (with its prefix) of the other end."""

    interface: str
    peer: str


@dataclass(frozen=True)
class Container:
    """A running container. ``leader`` is its init's pid, ``host`` nspawn's, as seen from here."""

    leader: int
    host: int
    console: Path

    def outside(self) -> list[str]:
        """What to put before a command for it to run at the other end of the container's cable."""
        return ["nsenter", f"--target={self.host}", "--net", "--"]

    def enter(self, environment: Mapping[str, str]) -> list[str]:
        """What to put before a command for it to run inside as root, knowing ``environment``.

        Beside it there are PATH, HOME and LC_ALL of the container's own, where it does not name
        them, and nothing of the build host's. Other users see these words: no secret in them.
        """
        words = [f"{name}={value}" for name, value in {**_INSIDE, **environment}.items()]
        return ["nsenter", f"--target={self.leader}", "--all", "--", "env", "-i", *words]

    def run(
        self,
        argv: Sequence[str | Path],
        *,
        env: Mapping[str, str] | None = None,
        feed: str | None = None,
        timeout: float | None = None,
        check: bool = True,
    ) -> Completed:
        """Run ``argv`` inside (see enter and process.run)."""
        return run([*self.enter(env or {}), *argv], feed=feed, timeout=timeout, check=check)

    def alive(self) -> bool:
        """Whether its init still runs."""
        try:
            state = Path(f"/proc/{self.leader}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        return state.rpartition(")")[2].split()[0] not in "ZX"

    def failed_units(self) -> list[str]:
        """Names of the units that systemd calls failed."""
        listed = self.run(
            ["systemctl", "list-units", "--state=failed", "--plain", "--no-legend", "--full"],
            timeout=30,
            check=False,
        )
        return [line.split()[0] for line in listed.output.splitlines() if line.strip()]

    def journal(self, unit: str, lines: int = 15) -> list[str]:
        """The last lines of the journal of a unit, as plain messages."""
        said = self.run(
            ["journalctl", "-u", unit, "-n", str(lines), "-o", "cat", "--no-pager"],
            timeout=30,
            check=False,
        )
        return said.output.splitlines()


@contextmanager
def booted(
    root: Path,
    *,
    console: Path,
    target: str = "basic.target",
    mask: Sequence[str] = (),
    hostname: str = "aio",
    cable: Cable | None = None,
    start_seconds: float = 90,
    stop_seconds: float = 120,
    wait: bool = True,
    orderly: bool = True,
    stop_first: Sequence[str] = ("rabbitmq-server.service",),
    own_network_settings: bool = False,
) -> Iterator[Container]:
    """Boot ``root`` up to systemd's ``target`` ("": its default); end it when the block ends.

    Units in ``mask`` do not start in this boot.
    ``console`` gets what init says. Without ``cable`` there is no network inside but loopback.
    ``wait`` holds back until systemd has finished starting. With ``orderly`` it is shut down at the
    end, ``stop_first`` first, unless the block raises: then, and without, it is killed.
    ``own_network_settings`` lets it write sysctls of the network, which are its namespace's own.
    Needs root; be in a private mount namespace. Raises HostError when nspawn cannot
    work here and BuildError when the container does not start, or does not stop, in time.
    """
    control_groups.sweep()
    group = control_groups.new_name()
    words = [f"systemd.unit={target}"] if target else []
    words += [f"systemd.mask={unit}" for unit in mask]
    child = _spawn(
        root,
        console,
        words,
        hostname,
        group,
        cabled=cable is not None,
        # systemd's docs/ENVIRONMENT.md; `1` would open the build host's own settings as well.
        api="network" if own_network_settings else "",
    )
    done = False
    try:
        leader = _wait_for_leader(child, console, start_seconds)
        container = Container(leader, child.pid, console)
        if cable:
            _plug(container, cable)
        _wait_for_systemd(container, child, start_seconds, wait=wait)
        yield container
        done = True
    finally:
        try:
            if done and orderly:
                _power_off(container, child, stop_first, stop_seconds)
        finally:
            _end(child)
            control_groups.remove([group])


def _spawn(
    root: Path,
    console: Path,
    words: Sequence[str],
    hostname: str,
    group: str,
    *,
    cabled: bool,
    api: str = "",
) -> subprocess.Popen[bytes]:
    nspawn = [
        "systemd-nspawn", "--quiet", "--directory", str(root), "--boot",
        "--register=no", "--keep-unit", "--resolv-conf=off", "--timezone=off",
        "--link-journal=no", "--console=read-only",
        "--machine=aio", f"--hostname={hostname}", "--private-network",
        "--setenv=TERM=dumb",
        "systemd.show_status=yes", *words,
        # Packages' own units (open-iscsi) pull the network's wait into sysinit: with none to
        # come, it would wait for ever.
        *([] if cabled else ["systemd.mask=systemd-networkd-wait-online.service"]),
    ]  # fmt: skip
    # The other end of the cable is not to be in the build host's network either.
    spaces = ["--mount", "--propagation", "private", *(["--net"] if cabled else [])]
    with console.open("ab", buffering=0) as sink:
        try:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--",
                 "unshare", *spaces, "--",
                 "sh", "-e", "-c", _START, group, *nspawn],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=clean_environment(
                    {
                        "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
                        **({"SYSTEMD_NSPAWN_API_VFS_WRITABLE": api} if api else {}),
                    }
                ),
            )  # fmt: skip
        except FileNotFoundError as error:
            raise HostError(f"{error.filename}: not found", hint="run `make setup`") from error


def _wait_for_leader(child: subprocess.Popen[bytes], console: Path, seconds: float) -> int:
    """The pid of the container's init: the child of nspawn that is process 1 in its namespace."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if child.poll() is not None:
            raise _not_started(f"systemd-nspawn ended with status {child.returncode}", console)
        for pid in _children(child.pid):
            with suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace")
                spaces = next(
                    row for row in status.splitlines() if row.startswith("NSpid:")
                ).split()
                if len(spaces) > 2 and spaces[-1] == "1" and _is_systemd(pid):
                    return pid
        time.sleep(0.05)
    raise _not_started(f"no init after {seconds:.0f} s", console)


def _is_systemd(pid: int) -> bool:
    # Before it execs the init, the child is nspawn itself, still outside its new root.
    command = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    return command in {"systemd", "init"}


def _plug(container: Container, cable: Cable) -> None:
    # nspawn itself only takes interfaces that udev has seen. Its init has only just started:
    # what sets up networks there runs much later.
    ip = [*container.outside(), "ip"]
    add = ["link", "add", _PEER, "index", _PEER_INDEX, "type", "veth"]
    run([*ip, *add, "peer", "name", cable.interface, "netns", str(container.leader)])
    run([*ip, "address", "add", cable.peer, "dev", _PEER])
    run([*ip, "link", "set", _PEER, "up"])


def _wait_for_systemd(
    container: Container, child: subprocess.Popen[bytes], seconds: float, *, wait: bool
) -> None:
    socket = Path(f"/proc/{container.leader}/root/run/systemd/private")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if child.poll() is not None:
            raise _not_started(f"it ended with status {child.returncode}", container.console)
        if socket.is_socket():
            break
        time.sleep(0.05)
    else:
        raise _not_started(f"systemd does not answer after {seconds:.0f} s", container.console)
    if not wait:
        return
    # It waits by D-Bus signals; before the bus is up it gives up, so it is asked anew.
    while time.monotonic() < until:
        left = max(until - time.monotonic(), 1.0)
        state = container.run(
            ["timeout", f"{left:.0f}", "systemctl", "is-system-running", "--wait"], check=False
        ).output.strip()
        if state in {"running", "degraded"}:
            return
        if child.poll() is not None or state in {"stopping", "maintenance"}:
            raise _not_started(f"systemd says {state or 'nothing'}", container.console)
        time.sleep(0.1)
    raise _not_started(f"still starting after {seconds:.0f} s", container.console)


def _not_started(reason: str, console: Path) -> BuildError:
    lines = tail(console, 400)
    said = [line for line in lines if not _SPINNER.match(line)]
    waiting = [line for line in lines if _SPINNER.match(line)]
    return BuildError(
        f"the image's root does not boot in systemd-nspawn: {reason}",
        hint=f"what it said on its console: {console}",
        details=[line for line in (*said[-20:], *waiting[-1:]) if line.strip()],
        log=console,
    )


def _power_off(
    container: Container,
    child: subprocess.Popen[bytes],
    stop_first: Sequence[str],
    seconds: float,
) -> None:
    """Stop in good order. RabbitMQ goes first: stopped together with everything else, it hangs."""
    until = time.monotonic() + seconds
    try:
        if stop_first:
            # A unit the image does not have makes the status non-zero; that is no matter.
            container.run(["systemctl", "stop", *stop_first], timeout=seconds, check=False)
        container.run(["systemctl", "poweroff", "--no-block"], timeout=30)
        child.wait(timeout=max(until - time.monotonic(), 1.0))
    except (subprocess.TimeoutExpired, HostError) as error:
        units = _running_jobs(container)
        raise BuildError(
            f"the container did not stop within {seconds:.0f} s"
            + (f": still stopping {', '.join(units)}" if units else ""),
            hint=f"its console: {container.console}",
            log=container.console,
        ) from error


def _end(child: subprocess.Popen[bytes]) -> None:
    """Leave no process: with an init dies everything in its namespace, and then nspawn ends."""
    if child.poll() is None:
        # Killed first, nspawn would leave its init to die in its own time.
        for pid in _children(child.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            child.wait(timeout=_KILL_SECONDS)
        child.kill()
    child.wait()


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [int(word) for word in listed.split()]
    return []


def _running_jobs(container: Container) -> list[str]:
    with suppress(HostError):
        listed = container.run(
            ["systemctl", "list-jobs", "--no-legend", "--plain"], timeout=10, check=False
        )
        rows = [line.split() for line in listed.output.splitlines()]
        return [row[1] for row in rows if len(row) > 3 and row[3] == "running"]
    return []


def tail(path: Path, lines: int = 20) -> list[str]:
    """The last lines of a text file; none when it is not there."""
    try:
        with path.open("rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(stream.tell() - 64 * 1024, 0))
            text = stream.read().decode(errors="replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]
