"""The image step, for real: the disk as other programs see it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aio_image.dib.disk import ESP_LABEL
from aio_image.host import loops
from tests.host.dib.builds import IMAGE_SETTINGS

pytestmark = pytest.mark.host
SECTOR = 512


def said(*words: str | Path) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def disk(small_image: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    raw = tmp_path_factory.mktemp("raw") / "disk.raw"
    said("qemu-img", "convert", "-O", "raw", small_image, raw)
    return raw


@pytest.fixture(scope="module")
def table(disk: Path) -> list[dict[str, int | str]]:
    found = json.loads(said("sfdisk", "--json", disk))["partitiontable"]
    assert found["label"] == "gpt"
    return list(found["partitions"])


@pytest.fixture
def mounted(disk: Path, table: list[dict[str, int | str]], tmp_path: Path) -> Iterator[Path]:
    point = tmp_path / "root"
    point.mkdir()
    offset = int(table[2]["start"]) * SECTOR
    said("mount", "-o", f"loop,ro,offset={offset}", disk, point)
    yield point
    said("umount", point)


def test_qcow2(small_image: Path) -> None:
    about = json.loads(said("qemu-img", "info", "--output=json", small_image))
    assert about["format"] == "qcow2"
    assert about["virtual-size"] == IMAGE_SETTINGS["image.size"]
    assert about["format-specific"]["data"]["compression-type"] == "zstd"
    said("qemu-img", "check", small_image)


def test_partitions(disk: Path, table: list[dict[str, int | str]]) -> None:
    assert "No problems found" in said("sgdisk", "--verify", disk)
    assert [part["name"] for part in table] == ["bios", "esp", "root"]
    # GPT's types: BIOS boot, EFI system, Linux file system (UEFI specification; GRUB's manual).
    assert [part["type"] for part in table] == [
        "21686148-6449-6E6F-744E-656564454649",
        "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
        "0FC63DAF-8483-4772-8E79-3D69D8477DE4",
    ]
    starts = [int(part["start"]) for part in table]
    assert starts == sorted(starts)
    assert all(start % 2048 == 0 for start in starts)


def test_root_file_system(disk: Path, table: list[dict[str, int | str]], tmp_path: Path) -> None:
    part = tmp_path / "root.ext4"
    start, size = (int(table[2][name]) for name in ("start", "size"))
    said("dd", f"if={disk}", f"of={part}", "bs=1M", "conv=sparse", "status=none",
         "iflag=skip_bytes,count_bytes",
         f"skip={start * SECTOR}", f"count={size * SECTOR}")  # fmt: skip
    said("e2fsck", "-f", "-n", part)
    about = said("dumpe2fs", "-h", part)
    assert "Filesystem volume name:   aio-test" in about
    assert "orphan_file" not in about
    assert "resize_inode" in about


def test_boot_configuration_names_labels_only(mounted: Path) -> None:
    grub = (mounted / "boot/grub/grub.cfg").read_text()
    linux = [line for line in grub.splitlines() if line.strip().startswith("linux")]
    assert linux
    assert all("root=LABEL=aio-test" in line for line in linux)
    assert all("console=tty0 console=ttyS0,115200 net.ifnames=0" in line for line in linux)
    assert "/dev/loop" not in grub
    assert "/dev/mapper" not in grub
    assert "os-prober" not in grub.replace("30_os-prober", "")
    assert "set timeout=1" in grub
    assert (mounted / "boot/grub/i386-pc/normal.mod").exists()


def test_fstab(mounted: Path) -> None:
    rows = [line.split() for line in (mounted / "etc/fstab").read_text().splitlines()]
    assert rows[0][:4] == ["LABEL=aio-test", "/", "ext4", "errors=remount-ro"]
    assert rows[1][:3] == [f"LABEL={ESP_LABEL}", "/boot/efi", "vfat"]
    assert "noauto" in rows[1][3]
    assert len(rows) == 2


def test_the_tree_is_all_there(mounted: Path, small_root: Path) -> None:
    tree = small_root / "tree"

    def listed(top: Path) -> set[str]:
        shown = said("find", top, "-xdev", "-mindepth", "1", "-printf", "%P %y %m %U %G %l\n")
        return set(shown.splitlines())

    # What the image step is for: the boot loader, its configuration, and fstab.
    added = ("boot/grub", "boot/efi", "etc/default/grub.d", "etc/fstab", "etc/grub.d/25_bli",
             "lost+found", "var/lib/dpkg/statoverride", "dev/")  # fmt: skip
    changed = listed(mounted) ^ listed(tree)
    assert [line for line in sorted(changed) if not line.startswith(added)] == []


def test_signed_files_on_the_esp(
    disk: Path, table: list[dict[str, int | str]], small_root: Path, tmp_path: Path
) -> None:
    where = f"{disk}@@{int(table[1]['start']) * SECTOR}"
    names = said("mdir", "-b", "-/", "-i", where, "::").split()
    assert sorted(name.lower() for name in names if not name.endswith("/")) == [
        "::/efi/boot/bootx64.efi",
        "::/efi/boot/grubx64.efi",
        "::/efi/boot/mmx64.efi",
        "::/efi/debian/grub.cfg",
    ]
    shim = tmp_path / "shim"
    said("mcopy", "-i", where, "::/EFI/BOOT/BOOTX64.EFI", shim)
    signed = small_root / "tree/usr/lib/shim/shimx64.efi.signed"
    assert shim.read_bytes() == signed.read_bytes()
    assert "aio-test" in said("mtype", "-i", where, "::/EFI/debian/grub.cfg")


def test_no_loop_device_stays(small_image: Path) -> None:
    assert [loop for loop in loops.bound() if str(small_image.parents[2]) in loop.backing] == []
