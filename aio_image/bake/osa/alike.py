"""One copy of each program that several containers of a tree have alike.

Every container has a whole system of its own: thirteen of them have 4 GiB of second copies
(33.0.1). They become names of one file, as hard links.
"""

from __future__ import annotations

from pathlib import Path

from aio_image.appliance import roots
from aio_image.bake.osa.files import inside
from aio_image.deployers.openstack_ansible.homes import homes
from aio_image.host.process import run

# Three minutes were seen, beside other work.
_SECONDS = 3600


def join(root: Path) -> str:
    """Join what the containers of the tree ``root`` have alike; what `hardlink` says of it.

    In the folders that homes.yaml names, and where mode, owner, time and attributes are alike, too.
    Nothing of the host's own is joined: a container must not have a file of its in its hands.
    """
    folders = [
        str(found)
        for place in roots.containers(root).values()
        for pattern in homes().alike
        for found in sorted(inside(root, place).glob(pattern))
    ]
    if not folders:
        return ""
    words = ["hardlink", "--respect-name", "--respect-xattrs", *folders]
    return run(words, timeout=_SECONDS).output
