"""The key by which OpenStack-Ansible's playbooks reach this very host, as root by ssh.

bootstrap-aio.sh makes one, and the image has none: two appliances would open each other.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from .files import make_folder, write_atomic
from .layout import Layout
from .problems import ApplianceProblem

_KEY = "/root/.ssh/id_rsa"
_ALLOWED = "/root/.ssh/authorized_keys"
# There where the playbooks are.
_DEPLOYER = "/etc/openstack_deploy/openstack_user_config.yml"


def settle(layout: Layout) -> None:
    """Have a key and let it in, on an appliance that has the playbooks. Raises ApplianceProblem.

    What is there stays: a key, and whom else authorized_keys lets in.
    """
    if not layout.at(_DEPLOYER).exists():
        return
    key, public = layout.at(_KEY), layout.at(f"{_KEY}.pub")
    make_folder(key.parent, 0o700)
    # The public half is written last.
    if not public.exists():
        secret, shown = _draw(layout)
        write_atomic(key, secret, 0o600)
        write_atomic(public, shown)
    allowed = layout.at(_ALLOWED)
    known = allowed.read_bytes() if allowed.exists() else b""
    line = public.read_bytes()
    if line not in known:
        apart = b"" if not known or known.endswith(b"\n") else b"\n"
        write_atomic(allowed, known + apart + line, 0o600)


def _draw(layout: Layout) -> tuple[bytes, bytes]:
    """Both halves; ssh-keygen works in memory (/run), and flushes nothing."""
    make_folder(layout.run)
    with tempfile.TemporaryDirectory(prefix="root-key-", dir=layout.run) as scratch:
        place = Path(scratch, "key")
        words = ["ssh-keygen", "-q", "-t", "rsa", "-b", "3072", "-N", "", "-C", "root"]
        try:
            subprocess.run([*words, "-f", place], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            raise ApplianceProblem(f"ssh-keygen made no key for root: {said.strip()}") from error
        return place.read_bytes(), place.with_name("key.pub").read_bytes()
