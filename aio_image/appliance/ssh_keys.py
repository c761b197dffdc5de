"""SSH host keys, where cloud-init made none: before sshd starts, whatever personalise waits for."""

from __future__ import annotations

import subprocess

from .files import write_atomic
from .layout import Layout

_KINDS = ("ed25519", "ecdsa")  # an RSA key takes half a minute to make on a slow machine


def make(layout: Layout) -> None:
    """Have both keys whole. May be run again after a power cut."""
    for kind in _KINDS:
        path = layout.at(f"/etc/ssh/ssh_host_{kind}_key")
        public = path.with_name(f"{path.name}.pub")
        if all(file.exists() and file.stat().st_size for file in (path, public)):
            continue  # cloud-init made it
        new = path.with_name(f".{path.name}.aio-made")
        new_public = new.with_name(f"{new.name}.pub")
        for file in (new, new_public):
            file.unlink(missing_ok=True)
        subprocess.run(
            ["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "", "-f", new],
            check=True, capture_output=True,
        )  # fmt: skip
        write_atomic(path, new.read_bytes(), 0o600)
        data = new_public.read_bytes()
        for file in (new, new_public):
            file.unlink()
        write_atomic(public, data)  # last: until it is there the key is made again
