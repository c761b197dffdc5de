"""Names and keys that programs draw at their first start and do not flush: drawn here, to stay.

After a power cut such a file may be empty, and then nova-compute refuses its compute_id, RabbitMQ
its cookie and iscsid its name, at every boot. A database that has been told may even know one that
is gone. Open vSwitch's comes before this code (files/dropins/ovsdb-server.conf).
"""

from __future__ import annotations

import os
import re
import secrets
import string
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import playbook_keys, roots
from .files import sync_folder, write_atomic
from .layout import Layout


@dataclass(frozen=True)
class Identity:
    """A file that belongs to whom its folder belongs to; ``good`` matches a content to keep."""

    path: str
    mode: int
    good: re.Pattern[bytes]
    draw: Callable[[], str]


# nova/virt/node.py: one UUID. Erlang's auth: any printable text; its own are 20 capitals.
# open-iscsi's startup-checks.sh: the prefix and twelve hex digits.
IDENTITIES = (
    Identity(
        "/var/lib/nova/compute_id",
        0o640,
        re.compile(rb"\s*[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\s*\Z"),
        lambda: f"{uuid.uuid4()}\n",
    ),
    Identity(
        "/var/lib/rabbitmq/.erlang.cookie",
        0o400,
        re.compile(rb"[!-~]{20,}\s*\Z"),
        lambda: "".join(secrets.choice(string.ascii_uppercase) for _ in range(20)),
    ),
    Identity(
        "/etc/iscsi/initiatorname.iscsi",
        0o600,
        re.compile(rb"(?s)(.*\n)?InitiatorName=\S"),
        lambda: f"InitiatorName=iqn.1993-08.org.debian:01:{secrets.token_hex(6)}\n",
    ),
)


def settle(layout: Layout) -> None:
    """Draw what is missing or was cut short, of those programs that are here."""
    for one in IDENTITIES:
        path = layout.at(one.path)
        if not path.parent.is_dir():
            continue
        if not (path.exists() and one.good.match(path.read_bytes())):
            write_atomic(path, one.draw(), one.mode)
        # A cut may have come between the two: the owner is seen to in any case.
        folder, file = path.parent.stat(), path.stat()
        if (folder.st_uid, folder.st_gid) != (file.st_uid, file.st_gid):
            os.chown(path, folder.st_uid, folder.st_gid)
    playbook_keys.settle(layout)
    for root in roots.containers(layout.root).values():
        _have_host_keys(layout.at(root))


def _have_host_keys(root: Path) -> None:
    """A container with an ssh server has keys of its own; the host's are cloud-init's."""
    ssh = root / "etc/ssh"
    if (ssh / "sshd_config").exists() and not any(ssh.glob("ssh_host_*_key.pub")):
        subprocess.run(["ssh-keygen", "-q", "-A", "-f", root], check=True, timeout=300)
        sync_folder(ssh)
