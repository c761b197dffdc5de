"""The block-device configuration, against its golden file and DIB's own reading of it."""

from __future__ import annotations

from pathlib import Path

import yaml
from diskimage_builder.block_device.blockdevice import BlockDeviceState
from diskimage_builder.block_device.config import config_tree_to_graph, create_graph

from aio_image.dib.disk import block_device_config

GOLDEN = Path(__file__).parent / "golden" / "disk.golden"


def test_golden() -> None:
    made = block_device_config(12 * 2**30, "aio-root", "ext4", Path("/home/work/view-of-tree"))
    assert made == GOLDEN.read_text(encoding="utf-8")


def test_disk_image_create_understands_it() -> None:
    """DIB's parser and our registered plugins make the graph, in an order that can work."""
    config = config_tree_to_graph(yaml.safe_load(GOLDEN.read_text(encoding="utf-8")))
    defaults = {"image-dir": "/nowhere", "mount-base": "/nowhere/mnt", "image-size": "1GiB"}
    _, order = create_graph(config, defaults, BlockDeviceState())
    names = [node.name for node in order]
    assert sorted(names) == sorted(
        ["image0", "bios", "esp", "root", "mkfs_root", "mount_root", "fstab_root", "esp_files"]
    )
    # Unmounting goes the other way round: the ESP is filled while the root is still mounted.
    assert names.index("image0") < names.index("bios") < names.index("esp") < names.index("root")
    assert names.index("mkfs_root") < names.index("mount_root") < names.index("esp_files")
    sizes = {node.name: node.size for node in order if hasattr(node, "size")}
    assert sizes["image0"] == 12 * 2**30
