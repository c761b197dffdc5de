"""What a container is lent of the build host for the time of a build: mirrors and certificates.

Everything is in the container's ``/run``, which is no part of the tree, or mounted over a file of
the tree: nothing that names the build host is ever written into the tree itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aio_image.bake.nspawn import Container
from aio_image.host.uplink import NAMESERVER
from aio_image.sources.debian_mirror import DebianMirror
from aio_image.sources.python_index import PythonIndex

PLACE = "/run/aio-build"
_CERTIFICATES = f"{PLACE}/certificates.pem"
_PIP = f"{PLACE}/pip.conf"
_UV = f"{PLACE}/uv.toml"
_SOURCES = "/etc/apt/sources.list.d/debian.sources"
# Mounts need something to be mounted on: these files are made, and taken away again.
_APT = "/etc/apt/apt.conf.d/00aio-build"
# pip's place for what holds for everybody: OpenStack-Ansible's role python_venv_build runs pip
# without PIP_CONFIG_FILE when it fetches uv.
_EVERYBODY = "/etc/pip.conf"
_RESOLVED = "run/systemd/resolved.conf.d/aio-build.conf"


@dataclass(frozen=True)
class Lent:
    """``environment``: what programs inside need to be told; nothing secret, nor an address."""

    environment: Mapping[str, str]


@contextmanager
def lent(container: Container, mirror: DebianMirror, index: PythonIndex) -> Iterator[Lent]:
    """``container`` reaches ``mirror`` and ``index`` as the build host does, for the block."""
    root = Path(f"/proc/{container.leader}/root")
    place = root / PLACE.lstrip("/")
    place.mkdir(mode=0o755)
    # Proxies in here may have passwords, and are the build's alone; apt's own user reads it too.
    _write(place / "apt.conf", mirror.config.as_apt_conf())
    _write(place / "debian.sources", mirror.as_sources())
    _write(place / "pip.conf", index.as_pip_conf(_CERTIFICATES))
    _write(place / "uv.toml", index.as_uv_toml())
    if index.certificates:
        _write(root / _CERTIFICATES.lstrip("/"), index.certificates.read_text(encoding="utf-8"))
    resolved = root / _RESOLVED
    resolved.parent.mkdir(parents=True, exist_ok=True)
    _write(resolved, f"[Resolve]\nDNS={NAMESERVER}\n")
    container.run(["systemctl", "restart", "systemd-resolved.service"], timeout=60)
    made = [over for over in (_APT, _EVERYBODY) if not (root / over.lstrip("/")).exists()]
    for over in made:
        (root / over.lstrip("/")).touch()
    mounted = {"apt.conf": _APT, "debian.sources": _SOURCES, "pip.conf": _EVERYBODY}
    try:
        for name, over in mounted.items():
            container.run(["mount", "--bind", f"{PLACE}/{name}", over])
        told = {"PIP_CONFIG_FILE": _PIP, "UV_CONFIG_FILE": _UV}
        yield Lent({**index.as_environment(_CERTIFICATES), **told})
    finally:
        if container.alive():
            container.run(["umount", *mounted.values()], check=False, timeout=60)
            container.run(["rm", "-f", *made], check=False, timeout=60)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o644)
