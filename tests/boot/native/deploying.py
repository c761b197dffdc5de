"""What OpenStack-Ansible's playbooks are told where they run in a container and not in a machine.

As the build's own runs of them (``aio_image/bake/osa/room.py``): deploy.yaml has the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aio_image.bake.osa.idle import idle
from aio_image.deployers.openstack_ansible.deploying import deployment


@contextmanager
def in_a_container(root: Path) -> Iterator[None]:
    """What a container has not says yes, in the tree ``root``; a running systemd is to reload."""
    made = []
    for name, text in deployment().stand_ins.items():
        path = root / "usr/local/sbin" / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        made.append(path)
    with idle(root):
        yield
    for path in made:
        path.unlink()
