"""A way out for a network namespace, in user mode: no address, route or rule of the host changes.

passt's ``pasta`` (pasta(1)) gives the namespace an interface, and forwards what leaves by it as
its own connections of the build host. Nothing from outside reaches the namespace.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aio_image.errors import HostError
from aio_image.host.process import clean_environment, run

# QEMU's own numbers for the same thing; what build hosts use themselves, these are unlikely to be.
ADDRESS = "10.0.2.15"
GATEWAY = "10.0.2.2"
NAMESERVER = "10.0.2.3"
_PREFIX = "24"
_START_SECONDS = 20.0


@contextmanager
def uplink(pid: int, scratch: Path, *, interface: str = "eth0") -> Iterator[None]:
    """Process ``pid``'s network namespace has ``interface`` with a way out while the block runs.

    ``NAMESERVER`` answers there for the host's first name server. ``scratch`` is a folder for a
    mount point; be in a private mount namespace. Needs root. Raises HostError when pasta is
    missing or does not start, with what it said.
    """
    place = Path(tempfile.mkdtemp(prefix="uplink-", dir=scratch)) / "net"
    place.touch()
    # Opened by way of /proc, it would be asked for rights that pasta has given up by then.
    run(["mount", "--bind", f"/proc/{pid}/ns/net", place])
    log = place.with_name("pasta.log")
    try:
        with log.open("wb") as sink:
            child = _spawn(place, interface, sink.fileno())
        try:
            _wait(child, pid, interface, log)
            yield
        finally:
            child.kill()
            child.wait()
    finally:
        # Lazily: the namespace itself may still be in use.
        run(["umount", "--lazy", place], check=False)


def _spawn(place: Path, interface: str, sink: int) -> subprocess.Popen[bytes]:
    options = [
        "--foreground", "--quiet", "--runas", "0:0", "--netns-only", "--netns", str(place),
        "--config-net", "--ipv4-only", "--ns-ifname", interface,
        "--address", ADDRESS, "--netmask", _PREFIX, "--gateway", GATEWAY, "--no-map-gw",
        "--dns-forward", NAMESERVER,
        "--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
    ]  # fmt: skip
    try:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", "pasta", *options],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            env=clean_environment(),
        )
    except FileNotFoundError as error:
        raise HostError(f"{error.filename}: not found", hint="run `make setup`") from error


def _wait(child: subprocess.Popen[bytes], pid: int, interface: str, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    look = ["nsenter", f"--target={pid}", "--net", "--", "ip", "-4", "route", "show", "default"]
    while time.monotonic() < until:
        if child.poll() is not None:
            break
        if f"dev {interface}" in run(look, check=False).output:
            return
        time.sleep(0.1)
    said = ""
    with suppress(OSError):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        said = next((line for line in reversed(lines) if line and "syslog" not in line), "")
    raise HostError(
        f"pasta gives the container no way out: {said or 'it did not start'}",
        hint="the build host needs passt (Debian: apt install passt) and a route of its own",
    )
