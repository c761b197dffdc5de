"""The EFI system partition as mtools makes it, read back with mtools; DIB's view of the node."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from diskimage_builder.block_device.blockdevice import BlockDeviceState
from diskimage_builder.block_device.exception import BlockDeviceSetupException

from aio_image.dib.block_device.esp import AioEsp, EspNode, fill_fat
from aio_image.dib.shims import write_shims

needs_mtools = pytest.mark.skipif(shutil.which("mformat") is None, reason="mtools is missing")
CONFIG = {
    "name": "esp_files",
    "base": "esp",
    "after": "mount_root",
    "label": "aio-esp",
    "mount_point": "/boot/efi",
}


@pytest.fixture(autouse=True)
def sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DIB's helper calls sudo; the build's own stand-in needs no root."""
    shims = write_shims(tmp_path / "shims")
    monkeypatch.setenv("PATH", f"{shims}:{os.environ['PATH']}")


def node(tmp_path: Path, device: Path) -> EspNode:
    state: Any = BlockDeviceState()
    state["blockdev"] = {"esp": {"device": str(device)}}
    [made] = AioEsp(dict(CONFIG), {"mount-base": str(tmp_path / "mnt")}, state).get_nodes()
    return made


def blank(path: Path, mebibytes: int) -> Path:
    with path.open("wb") as file:
        file.truncate(mebibytes * 2**20)
    return path


def listed(device: Path) -> list[str]:
    shown = subprocess.run(
        ["mdir", "-b", "-/", "-i", device, "::"], capture_output=True, text=True, check=True
    )
    return sorted(name for name in shown.stdout.split() if not name.endswith("/"))


@needs_mtools
@pytest.mark.parametrize(("mebibytes", "kind"), [(64, b"FAT32   "), (8, b"FAT1")])
def test_files_come_back(tmp_path: Path, mebibytes: int, kind: bytes) -> None:
    folder = tmp_path / "efi"
    (folder / "EFI/BOOT").mkdir(parents=True)
    (folder / "EFI/debian").mkdir()
    content = os.urandom(300_000)
    (folder / "EFI/BOOT/BOOTX64.EFI").write_bytes(content)
    (folder / "EFI/debian/grub.cfg").write_text("search\n")
    device = blank(tmp_path / "device", mebibytes)
    fill_fat(str(device), folder, "AIO-ESP", "1234abcd")
    assert listed(device) == ["::/EFI/BOOT/BOOTX64.EFI", "::/EFI/debian/grub.cfg"]
    read = tmp_path / "read"
    subprocess.run(["mcopy", "-i", device, "::/EFI/BOOT/BOOTX64.EFI", read], check=True)
    assert read.read_bytes() == content
    assert kind in device.read_bytes()[:512]
    about = subprocess.run(["blkid", "-p", device], capture_output=True, text=True, check=True)
    assert 'LABEL="AIO-ESP"' in about.stdout
    assert 'UUID="1234-ABCD"' in about.stdout
    assert device.stat().st_size == mebibytes * 2**20


@needs_mtools
def test_what_does_not_fit_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "efi"
    folder.mkdir()
    (folder / "large").write_bytes(os.urandom(3 * 2**20))
    with pytest.raises(BlockDeviceSetupException, match="mcopy"):
        fill_fat(str(blank(tmp_path / "device", 2)), folder, "AIO-ESP", "00000001")


@needs_mtools
def test_the_node_fills_and_empties(tmp_path: Path) -> None:
    device = blank(tmp_path / "device", 64)
    made = node(tmp_path, device)
    made.create()
    folder = tmp_path / "mnt/boot/efi"
    (folder / "EFI").mkdir()
    (folder / "EFI/file").write_text("x")
    # Between create and umount DIB pickles its nodes into another process.
    pickle.loads(pickle.dumps(made)).umount()
    assert listed(device) == ["::/EFI/file"]
    assert list(folder.iterdir()) == []


def test_the_node_is_in_fstab_after_the_root(tmp_path: Path) -> None:
    made = node(tmp_path, tmp_path / "device")
    made.state["mount_order"] = ["/"]
    made.create()
    assert made.get_edges() == (["esp", "mount_root"], [])
    assert made.state["mount_order"] == ["/", "/boot/efi"]
    assert made.state["filesys"]["esp_files"] == {"label": "AIO-ESP", "fstype": "vfat"}
    assert "noauto" in made.state["fstab"]["esp_files"]["options"]


def test_unmounting_what_was_never_made_is_no_error(tmp_path: Path) -> None:
    node(tmp_path, tmp_path / "device").umount()


@pytest.mark.parametrize("missing", ["base", "after", "label", "mount_point"])
def test_a_missing_setting_is_named(tmp_path: Path, missing: str) -> None:
    config = {name: value for name, value in CONFIG.items() if name != missing}
    with pytest.raises(BlockDeviceSetupException, match=rf"esp_files needs \[{missing}\]"):
        AioEsp(config, {"mount-base": str(tmp_path)}, BlockDeviceState())
