"""A "block device" that is a folder: how the root step takes its tree out of disk-image-create.

DIB ends every run by copying the root to a block device. Its older interface lets a hook in
block-device.d provide that device; this provides a folder instead, to which the finished root is
renamed, not copied. Bound to the place where DIB mounts the device, it lets the later phases
(pre-finalise, finalise, cleanup) work on it as usual. Run by elements/aio-root-tree.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from diskimage_builder.block_device.blockdevice import BlockDeviceState
from diskimage_builder.block_device.plugin import NodeBase


class TreeNode(NodeBase):  # type: ignore[misc]
    """Stands in the pickled node list, so that DIB's own umount phase takes the folder off."""

    def __init__(self, state: Any, mounted: str) -> None:
        super().__init__("image0", state)
        self.mounted = mounted

    def get_edges(self) -> tuple[list[str], list[str]]:
        return [], []

    def create(self) -> None:
        subprocess.run(["mount", "--bind", self.state["tree"], self.mounted], check=True)

    def umount(self) -> None:
        subprocess.run(["umount", self.mounted], check=True)


def take_out(build: Path, tree: Path) -> None:
    """Rename DIB's root to ``tree`` (on the same file system) and bind it to DIB's mount point."""
    built, mounted = build / "built", build / "mnt"
    built.rename(tree)
    mounted.mkdir()
    # DIB now copies built/* to the mount point and must find something there.
    (built / "tmp").mkdir(parents=True)
    (built / "tmp").chmod(0o1777)
    state = BlockDeviceState()
    state["tree"] = str(tree)
    state["blockdev"] = {"image0": {"device": str(tree), "image": str(tree)}}
    node = TreeNode(state, str(mounted))
    node.create()
    # The files DIB's own `create` leaves for its later commands (blockdevice.py).
    states = build / "states" / "block-device"
    states.mkdir(parents=True, exist_ok=True)
    state.save_state(str(states / "state.json"))
    (states / "nodes.pickle").write_bytes(pickle.dumps([node]))


def main() -> None:
    """For the hook: arguments BUILD_DIR and TREE; prints what disk-image-create reads."""
    build, tree = (Path(word) for word in sys.argv[1:3])
    take_out(build, tree)
    print(f"IMAGE_BLOCK_DEVICE={tree}")
