"""The ssh keys of OpenStack-Ansible's playbooks: root's, by which they reach this very host, and
the authority by which accounts of services trust each other's.

bootstrap-aio.sh and setup_hosts make them, and the image has none: two appliances would open each
other. Service by service the playbooks make what else there is, signed by that authority.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from .files import add_lines, make_folder, write_atomic
from .layout import Layout
from .problems import ApplianceProblem

_KEY = "/root/.ssh/id_rsa"
_ALLOWED = "/root/.ssh/authorized_keys"
# Names and places: inventory/group_vars/all/ssh.yml and the role ssh_keypairs of openstack.osa.
_NAME = "OpenStack-Ansible-SSH-Signing-Key"
_AUTHORITY = f"/etc/openstack_deploy/ssh_keypairs/{_NAME}"
_TRUSTING = "/etc/ssh/sshd_config.d/00-openstack-ansible-trusted-ca.conf"
_TRUSTED = (f"/etc/ssh/trusted_ca.d/{_NAME}", "/etc/ssh/trusted_ca")
# As long as those roles want them: they would make others otherwise.
_BITS, _AUTHORITY_BITS = 3072, 4096
# There where the playbooks are.
_DEPLOYER = "/etc/openstack_deploy/openstack_user_config.yml"


def settle(layout: Layout) -> None:
    """Have the keys, and have them trusted, on an appliance that has the playbooks.

    What is there stays: a key, whom else authorized_keys lets in, and whom else sshd trusts.
    Raises ApplianceProblem.
    """
    if not layout.at(_DEPLOYER).exists():
        return
    make_folder(layout.at(_KEY).parent, 0o700)
    add_lines(layout.at(_ALLOWED), _have(layout, _KEY, _BITS, "root"), 0o600)
    make_folder(layout.at(_AUTHORITY).parent)
    authority = _have(layout, _AUTHORITY, _AUTHORITY_BITS, "")
    if layout.at(_TRUSTING).exists():
        for name in _TRUSTED:
            add_lines(layout.at(name), authority)


def _have(layout: Layout, name: str, bits: int, comment: str) -> bytes:
    """The public half of the key ``name``, drawn where there is none."""
    key, public = layout.at(name), layout.at(f"{name}.pub")
    # The public half is written last.
    if not public.exists():
        secret, shown = _draw(layout, bits, comment)
        write_atomic(key, secret, 0o600)
        write_atomic(public, shown)
    return public.read_bytes()


def _draw(layout: Layout, bits: int, comment: str) -> tuple[bytes, bytes]:
    """Both halves; ssh-keygen works in memory (/run), and flushes nothing."""
    make_folder(layout.run)
    with tempfile.TemporaryDirectory(prefix="key-", dir=layout.run) as scratch:
        place = Path(scratch, "key")
        words = ["ssh-keygen", "-q", "-t", "rsa", "-b", str(bits), "-N", "", "-C", comment]
        try:
            subprocess.run([*words, "-f", place], check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            raise ApplianceProblem(f"ssh-keygen made no key: {said.strip()}") from error
        return place.read_bytes(), place.with_name("key.pub").read_bytes()
