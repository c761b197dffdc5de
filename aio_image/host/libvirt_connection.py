"""libvirt: which of its connections suits this host, and opening it.

- root where libvirt's daemon runs: ``qemu:///system``, whose QEMU is a user of its own;
- root where it does not (containers, build machines without an init system), or where that user
  cannot reach the image: libvirt's QEMU driver inside this process, ``qemu:///embed``
  (https://libvirt.org/drvqemu.html), one a process;
- anybody else: ``qemu:///session``, whose daemon starts by itself.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

# An embedded driver logs to our stderr; what is wrong is raised, too. Read once, by the import,
# which is therefore here and nowhere else.
os.environ.setdefault("LIBVIRT_LOG_OUTPUTS", "4:file:/dev/null")

import libvirt as libvirt  # noqa: PLC0414 - for others to have it from here
import libvirt_qemu as libvirt_qemu  # noqa: PLC0414

from aio_image.errors import HostError

SYSTEM, SESSION = "qemu:///system", "qemu:///session"
_EMBED = "qemu:///embed?root="
_SYSTEM_SOCKETS = (
    Path("/run/libvirt/libvirt-sock"),
    Path("/run/libvirt/virtqemud-sock"),
)
# Short names of embedded drivers' folders: the sockets in them may have 107 bytes (unix(7)).
_SHORT = Path("/run/aio-image")
# QEMU runs as the one who started it, on files that are his: nothing is chowned, labelled or
# put into a control group of its own, which an embedded driver could not do everywhere.
_EMBED_CONFIG = """\
user = "+{uid}"
group = "+{gid}"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""


@dataclass(frozen=True)
class Connection:
    """An open connection and its URI; ``root`` is an embedded driver's folder, else None."""

    uri: str
    handle: libvirt.virConnect
    root: Path | None = None


@contextmanager
def connected(uri: str | None, folder: Path, files: Collection[Path] = ()) -> Iterator[Connection]:
    """A connection to ``uri``, or where that is None to the one that suits this host.

    QEMU is to work on ``files`` and in ``folder``, where an embedded driver gets a folder, too.
    Raises HostError saying what to do when there is no connection.
    """
    uri = uri or _suiting(folder, files)
    libvirt.registerErrorHandler(_say_nothing, None)
    root = Path(uri.removeprefix(_EMBED)) if uri.startswith(_EMBED) else None
    if root is not None:
        _configure(root)
        _run_events()
    try:
        handle = libvirt.open(uri)
    except libvirt.libvirtError as error:
        words = said(error)
        raise HostError(
            f"no connection to {uri}: {words}", hint=_connection_hint(uri, words)
        ) from error
    try:
        yield Connection(uri, handle, root)
    finally:
        with suppress(libvirt.libvirtError):
            handle.close()


def forget(connection: Connection) -> None:
    """Remove what an embedded driver keeps on disk. Its guests have ended."""
    if connection.root is not None:
        shutil.rmtree(connection.root.resolve(), ignore_errors=True)
        if connection.root.is_symlink():
            connection.root.unlink()


def _suiting(folder: Path, files: Collection[Path]) -> str:
    if os.geteuid() != 0:
        return SESSION
    daemon = any(socket.exists() for socket in _SYSTEM_SOCKETS)
    if daemon and all(_reachable(path) for path in (folder / "any", *files)):
        return SYSTEM
    return f"{_EMBED}{_short_name(folder / 'libvirt')}"


def _reachable(path: Path) -> bool:
    """Whether another user than root may go as far as ``path``, and read it if it is there."""
    real = path.resolve()
    readable = not real.exists() or bool(real.stat().st_mode & stat.S_IROTH)
    return readable and all(one.stat().st_mode & stat.S_IXOTH for one in real.parents)


def _short_name(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _SHORT.mkdir(mode=0o700, exist_ok=True)
    for link in _SHORT.iterdir():
        if link.is_symlink() and not link.exists():  # of a run that was killed and reaped
            link.unlink(missing_ok=True)
    short = _SHORT / secrets.token_hex(4)
    short.symlink_to(folder.resolve())
    return short


def _configure(root: Path) -> None:
    (root / "etc").mkdir(parents=True, exist_ok=True)
    config = _EMBED_CONFIG.format(uid=os.geteuid(), gid=os.getegid())
    (root / "etc" / "qemu.conf").write_text(config, encoding="ascii")


def _run_events() -> None:
    """libvirt's event loop, which a daemon would run, in a thread of this process."""
    name = "libvirt-events"
    if any(thread.name == name for thread in threading.enumerate()):
        return
    libvirt.virEventRegisterDefaultImpl()

    def forever() -> None:
        while True:
            libvirt.virEventRunDefaultImpl()

    threading.Thread(target=forever, name=name, daemon=True).start()


def _say_nothing(_context: object, _error: object) -> None:
    """libvirt prints each error that it also raises, unless it is given this."""


def said(error: libvirt.libvirtError) -> str:
    """What libvirt says of its error, in one line."""
    return str(error.get_error_message() or error)


def _connection_hint(uri: str, said: str) -> str:
    if "libvirt-qemu" in said:
        return "libvirt's own user is missing: apt install libvirt-daemon-system"
    if uri == SYSTEM:
        return "start libvirt's daemon, or join its group (adduser $USER libvirt) and log in again"
    if not shutil.which("libvirtd", path="/usr/sbin:/usr/bin:/sbin:/bin"):
        return "apt install libvirt-daemon libvirt-daemon-driver-qemu (`make setup` does it)"
    return "`aio-image doctor` checks libvirt; --connect URI names another connection"
