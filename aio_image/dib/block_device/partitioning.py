"""disk-image-create's partitioning, with partition nodes made by what the host has.

The stock plugin calls kpartx, which needs device-mapper. Where the kernel takes partitions by
the BLKPG ioctl (partx), which needs nothing but a loop device, that is used; else kpartx.
Nodes are pickled between DIB's phases: what is kept in them must import.
"""

from __future__ import annotations

import logging
from typing import Any

from diskimage_builder.block_device.exception import BlockDeviceSetupException
from diskimage_builder.block_device.level1.partitioning import Partitioning
from diskimage_builder.block_device.utils import exec_sudo

from aio_image.errors import HostError
from aio_image.host import loops

logger = logging.getLogger(__name__)


class AioPartitioning(Partitioning):  # type: ignore[misc]
    """Entry point ``aio_partitioning``: the configuration of DIB's ``partitioning``."""

    def create(self) -> None:
        """Write the table once, make the nodes, and have each partition found under its node."""
        self.number_of_partitions += 1
        if self.number_of_partitions > 1:
            return
        self.image_path = self.state["blockdev"][self.base]["image"]
        self.device_path = self.state["blockdev"][self.base]["device"]
        # For whoever cleans up after us should we be killed.
        loops.record(self.device_path)
        self.disk_size = self._size_of_block_dev(self.image_path)
        if self.label == "gpt":
            self._create_gpt()
        else:
            self._create_mbr()
        for partition in self.partitions:
            # DIB's would remove device-mapper nodes.
            partition.rollbacks.clear()
        self.partitions[0].add_rollback(remove_nodes, self.device_path)
        self.mapped = make_nodes(self.device_path)
        prefix = "/dev/mapper/" if self.mapped else "/dev/"
        for partition in self.partitions:
            entry = self.state["blockdev"][partition.get_name()]
            entry["device"] = entry["device"].replace("/dev/mapper/", prefix)

    def umount(self) -> None:
        """Remove the nodes, when the last partition lets go."""
        self.number_of_partitions -= 1
        if self.number_of_partitions == 0:
            remove_nodes(self.state["blockdev"][self.base]["device"])


def make_nodes(device: str) -> bool:
    """Make the partition nodes of ``device``; True when they are under /dev/mapper.

    Raises BlockDeviceSetupException with both reasons where neither way works.
    """
    try:
        loops.add_partitions(device)
    except HostError as partx:
        logger.warning("no partitions by BLKPG (%s): trying device-mapper", partx.message)
        try:
            exec_sudo(["kpartx", "-a", "-v", "-s", device])
        except (BlockDeviceSetupException, OSError) as kpartx:
            raise BlockDeviceSetupException(
                f"no partition nodes for {device}: {partx.message}; kpartx: {kpartx}"
            ) from kpartx
        return True
    return False


def remove_nodes(device: Any) -> None:
    """Remove the partition nodes of ``device``, whichever way they were made."""
    if loops.partitions(device):
        loops.drop_partitions(device)
    else:
        exec_sudo(["kpartx", "-d", device])
