"""The disk of an appliance, as disk-image-create's block-device configuration.

GPT: a BIOS boot partition for GRUB's core image, an EFI system partition, and the root last, so
that it can grow into a larger disk.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ESP_LABEL = "AIO-ESP"
ESP_MOUNT_POINT = "/boot/efi"
_MIB = 1024 * 1024
# One for each 16 KiB of a disk that is mostly a few large files (databases, images): DIB's own
# default of one for each 4 KiB spends 6 % of the disk on tables.
_BYTES_PER_INODE = 16384
_JOURNAL_MIB = 64
# What mke2fs 1.47 turns on by itself and older e2fsprogs and boot loaders cannot read.
_WITHOUT = "^metadata_csum_seed,^orphan_file"


def block_device_config(size: int, label: str, filesystem: str, source: Path) -> str:
    """The configuration (YAML) of a disk of ``size`` bytes, its root filled from ``source``.

    mke2fs copies ``source`` (a folder, or a link to one; no blanks in its path) while it makes the
    file system: a copy into the mounted file system would write everything twice through the
    loop device, and fragment it. The names image0 and mkfs_root are DIB's own.
    """
    options = f"-i {_BYTES_PER_INODE} -J size={_JOURNAL_MIB} -m 1 -O {_WITHOUT} -d {source}"
    disk: list[dict[str, dict[str, Any]]] = [
        # As a text: DIB reads sizes with their units only.
        {"local_loop": {"name": "image0", "size": f"{size // _MIB}MiB"}},
        {
            "aio_partitioning": {
                "name": "table",
                "base": "image0",
                "label": "gpt",
                "partitions": [
                    {"name": "bios", "base": "image0", "type": "EF02", "size": "1MiB"},
                    {"name": "esp", "base": "image0", "type": "EF00", "size": "64MiB"},
                    {"name": "root", "base": "image0", "type": "8300", "size": "100%"},
                ],
            }
        },
        {
            "mkfs": {
                "name": "mkfs_root",
                "base": "root",
                "type": filesystem,
                "label": label,
                "opts": options,
            }
        },
        {"mount": {"name": "mount_root", "base": "mkfs_root", "mount_point": "/"}},
        {
            "fstab": {
                "name": "fstab_root",
                "base": "mount_root",
                "options": "errors=remount-ro",
                "fsck-passno": 1,
            }
        },
        {
            "aio_esp": {
                "name": "esp_files",
                "base": "esp",
                "after": "mount_root",
                "label": ESP_LABEL,
                "mount_point": ESP_MOUNT_POINT,
            }
        },
    ]
    return yaml.safe_dump(disk, sort_keys=False)
