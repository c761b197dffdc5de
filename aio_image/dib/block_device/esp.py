"""The EFI system partition, filled without mounting it.

Stands where DIB's ``mkfs`` and ``mount`` would. Many kernels (containers, small virtual machines)
have no vfat: elements write to a plain folder below the root, and when DIB unmounts, mtools
makes the FAT file system from it and leaves the folder empty, as a mount point is.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any

from diskimage_builder.block_device.exception import BlockDeviceSetupException
from diskimage_builder.block_device.plugin import NodeBase, PluginBase
from diskimage_builder.block_device.utils import exec_sudo

_SECTOR = 512
_PATH = "/usr/local/bin:/usr/bin:/bin"
# Upgrades of shim and GRUB write here, at most: mounted on the first look, off again when idle.
_OPTIONS = "umask=0077,noauto,x-systemd.automount,x-systemd.idle-timeout=1min"


class EspNode(NodeBase):  # type: ignore[misc]
    """One EFI system partition. ``base`` is the partition's node, ``after`` the root's mount."""

    def __init__(self, mount_base: str, config: dict[str, Any], state: Any) -> None:
        super().__init__(config["name"], state)
        for needed in ("base", "after", "label", "mount_point"):
            if needed not in config:
                raise BlockDeviceSetupException(f"aio_esp {self.name} needs [{needed}]")
        self.base = config["base"]
        self.after = config["after"]
        self.label = config["label"].upper()
        self.mount_point = config["mount_point"]
        self.folder = str(Path(mount_base) / self.mount_point.lstrip("/"))
        # FAT's volume serial number, which systemd and blkid show as XXXX-XXXX.
        self.serial = config.get("serial") or uuid.uuid4().hex[:8]

    def get_edges(self) -> tuple[list[str], list[str]]:
        """After the partition and after the root is mounted: umount then runs before both."""
        return [self.base, self.after], []

    def create(self) -> None:
        exec_sudo(["mkdir", "-p", self.folder])
        self._enter_fstab()

    def umount(self) -> None:
        """Make the file system from what the elements wrote, then empty the folder."""
        folder = Path(self.folder)
        if not folder.is_dir():
            return
        device = self.state["blockdev"][self.base]["device"]
        fill_fat(device, folder, self.label, self.serial)
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _enter_fstab(self) -> None:
        """What DIB's mkfs, mount and fstab nodes would leave for its writefstab."""
        self.state.setdefault("filesys", {})[self.name] = {"label": self.label, "fstype": "vfat"}
        self.state.setdefault("mount", {})[self.mount_point] = {
            "name": self.name, "base": self.name, "path": self.folder,
        }  # fmt: skip
        self.state.setdefault("mount_order", []).append(self.mount_point)
        self.state.setdefault("fstab", {})[self.name] = {
            "options": _OPTIONS, "dump-freq": 0, "fsck-passno": 0,
        }  # fmt: skip


def fill_fat(device: str, folder: Path, label: str, serial: str) -> None:
    """Make FAT on ``device`` (a partition or a file) with what is in ``folder``.

    FAT32 where the size allows it. Raises BlockDeviceSetupException when mtools fails.
    """
    size = _size(device)
    with tempfile.TemporaryDirectory() as scratch:
        # In a file first: mtools asks devices for a geometry that loop devices do not have.
        fat = Path(scratch) / "fat"
        with fat.open("wb") as file:
            file.truncate(size)
        wide = ["-F"] if size >= 33 * 1024 * 1024 else []
        _mtools(
            ["mformat", "-i", str(fat), "-T", str(size // _SECTOR), "-h", "64", "-s", "32", *wide,
             "-v", label, "-N", serial, "::"]
        )  # fmt: skip
        names = sorted(str(path) for path in folder.iterdir())
        if names:
            _mtools(["mcopy", "-i", str(fat), "-s", "-Q", "-m", *names, "::/"])
        exec_sudo(
            ["dd", f"if={fat}", f"of={device}", "bs=1M", "conv=sparse,notrunc,fsync", "status=none"]
        )


def _mtools(words: list[str]) -> None:
    # Without HOME, so that nobody's ~/.mtoolsrc has a say.
    environment = {"PATH": _PATH, "MTOOLS_SKIP_CHECK": "1"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise BlockDeviceSetupException(f"{' '.join(words)}: {said}")


def _size(device: str) -> int:
    with Path(device).open("rb") as opened:
        return opened.seek(0, 2)


class AioEsp(PluginBase):  # type: ignore[misc]
    """Entry point ``aio_esp``: ``name``, ``base``, ``after``, ``label``, ``mount_point``.

    Optional: ``serial``, the volume's serial number, 8 hex digits.
    """

    def __init__(self, config: dict[str, Any], defaults: dict[str, Any], state: Any) -> None:
        super().__init__()
        self.node = EspNode(defaults["mount-base"], config, state)

    def get_nodes(self) -> list[EspNode]:
        return [self.node]
