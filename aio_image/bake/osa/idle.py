"""Units of deploy.yaml that a container cannot run: they do nothing while a tree is worked on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from aio_image.deployers.openstack_ansible.deploying import deployment

_DROP_IN = """\
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStartPre=
ExecStart=
ExecStart=/bin/true
"""


@contextmanager
def idle(root: Path) -> Iterator[None]:
    """Drop-ins for them in the tree ``root``, not yet booted, for as long as the block runs."""
    made = [root / f"etc/systemd/system/{unit}.d/zz-aio-build.conf" for unit in deployment().idle]
    for path in made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_DROP_IN, encoding="utf-8")
    try:
        yield
    finally:
        for path in made:
            path.unlink(missing_ok=True)
            with suppress(OSError):
                path.parent.rmdir()
