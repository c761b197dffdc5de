"""Elements of the image step: whole for each family; Red Hat's as far as they run without packages.

The hooks that only write files run here for real, on a folder laid out as CentOS Stream's packages
would leave it.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import diskimage_builder
import pytest
from diskimage_builder import element_dependencies

from aio_image.paths import resource
from aio_image.systems import families

_STOCK = Path(diskimage_builder.__file__).parent / "elements"
_OURS = resource("elements")
_FAMILIES = ("debian", "redhat")
_KERNEL = "6.12.0-55.9.1.el10_0.x86_64"
_MACHINE = "cd3361a338fe47348de9937e51a7a4aa"
_VARIABLES = {
    "AIO_ROOT_LABEL": "aio-root",
    "AIO_CONSOLE": "ttyS1,57600n8",
    "AIO_KERNEL_CMDLINE": "net.ifnames=0 selinux=0",
}
_WORDS = "console=tty0 console=ttyS1,57600n8 net.ifnames=0 selinux=0"


def elements_of(family: str) -> dict[str, Path]:
    wanted = list(families.image_elements(family))
    found = element_dependencies.get_elements(wanted, f"{_OURS}:{_STOCK}")
    return {name: Path(path) for name, path in found}


@pytest.mark.parametrize("family", _FAMILIES)
def test_they_stand_in_for_one_operating_system_and_need_no_others(family: str) -> None:
    elements = elements_of(family)
    assert tuple(sorted(elements)) == families.image_elements(family)
    provide = [name for name, path in elements.items() if (path / "element-provides").is_file()]
    assert provide == ["aio-image-disk"]


@pytest.mark.parametrize("family", _FAMILIES)
def test_no_hook_is_there_twice_or_skipped(family: str) -> None:
    hooks: Counter[str] = Counter()
    for path in elements_of(family).values():
        for hook in path.glob("*.d/*"):
            hooks[f"{hook.parent.name}/{hook.name}"] += 1
            assert hook.stat().st_mode & stat.S_IXUSR, hook
    assert set(hooks.values()) == {1}


@pytest.mark.parametrize("family", _FAMILIES)
def test_they_read_all_that_the_step_tells_them(family: str) -> None:
    hooks = [hook for path in elements_of(family).values() for hook in path.glob("*.d/*")]
    text = "".join(hook.read_text() for hook in hooks)
    assert [name for name in (*_VARIABLES, "IMAGE_BLOCK_DEVICE") if f"${name}" not in text] == []


# --- Red Hat's, for real ---------------------------------------------------------------------


def run(script: Path, root: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.defpath, "AIO_ROOT": str(root), **_VARIABLES, **more}
    return subprocess.run(
        [script, *words], env=environment, capture_output=True, text=True, check=False
    )


def entries(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "boot/loader/entries").iterdir())


def shell(root: Path, *names: str) -> list[str]:
    """What a shell that reads /etc/default/grub, as grub2-mkconfig does, has in these."""
    script = f". {root}/etc/default/grub; printf '%s\\n' " + " ".join(
        f'"${name}"' for name in names
    )
    return subprocess.run(
        ["sh", "-euc", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """As packages leave it: an entry with the build host's words, EFI's files in two folders."""
    files = {
        "etc/os-release": 'NAME="CentOS Stream"\nVERSION="10 (Coughlan)"\nID="centos"\n',
        f"usr/lib/modules/{_KERNEL}/vmlinuz": "a kernel",
        f"boot/initramfs-{_KERNEL}.img": "its initramfs",
        f"boot/loader/entries/{'5' * 32}-{_KERNEL}.conf": "options root=UUID=the-build-hosts\n",
        "boot/efi/EFI/BOOT/BOOTX64.EFI": "shim",
        "boot/efi/EFI/BOOT/fbx64.efi": "fallback",
        "boot/efi/EFI/centos/BOOTX64.CSV": "an entry",
        "boot/efi/EFI/centos/shimx64.efi": "shim",
        "boot/efi/EFI/centos/mmx64.efi": "MokManager",
        "boot/efi/EFI/centos/grubx64.efi": "GRUB",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def written(root: Path) -> Iterator[Path]:
    done = run(_OURS / "aio-image-grub2/finalise.d/45-aio-image-entries", root)
    assert done.returncode == 0, done.stderr
    yield root


def test_settings_of_grub(written: Path) -> None:
    names = ("GRUB_DEVICE", "GRUB_DISABLE_LINUX_UUID", "GRUB_ENABLE_BLSCFG", "GRUB_CMDLINE_LINUX",
             "GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_SERIAL_COMMAND")  # fmt: skip
    serial = "serial --unit=1 --speed=57600"
    assert shell(written, *names) == ["LABEL=aio-root", "true", "true", _WORDS, "", serial]


def test_settings_that_are_there_are_kept_and_ours_win(root: Path) -> None:
    before = root / "etc/default/grub"
    before.parent.mkdir(parents=True)
    before.write_text('GRUB_DISTRIBUTOR="somebody"\nGRUB_TIMEOUT=5\n')
    assert run(_OURS / "aio-image-grub2/finalise.d/45-aio-image-entries", root).returncode == 0
    assert shell(root, "GRUB_DISTRIBUTOR", "GRUB_TIMEOUT") == ["somebody", "1"]


def test_later_kernels_get_the_same_words(written: Path) -> None:
    words = written / "etc/kernel/cmdline"
    assert words.read_text() == f"root=LABEL=aio-root ro {_WORDS}\n"
    # Where the settings are newer, kernel-install has grub2-mkconfig write the words anew.
    assert words.stat().st_mtime_ns >= (written / "etc/default/grub").stat().st_mtime_ns


def test_a_kernels_entry_is_of_the_image_and_of_no_machine(written: Path) -> None:
    assert entries(written) == [f"{'0' * 32}-{_KERNEL}.conf"]
    entry = written / "boot/loader/entries" / entries(written)[0]
    assert entry.read_text().splitlines() == [
        f"title CentOS Stream ({_KERNEL}) 10 (Coughlan)",
        f"version {_KERNEL}",
        f"linux /boot/vmlinuz-{_KERNEL}",
        f"initrd /boot/initramfs-{_KERNEL}.img",
        f"options root=LABEL=aio-root ro {_WORDS}",
        "grub_users $grub_users",
        "grub_arg --unrestricted",
        "grub_class centos",
    ]
    assert (written / f"boot/vmlinuz-{_KERNEL}").read_text() == "a kernel"


def test_a_kernel_without_initramfs_ends_the_build(root: Path) -> None:
    (root / f"boot/initramfs-{_KERNEL}.img").unlink()
    done = run(_OURS / "aio-image-grub2/finalise.d/45-aio-image-entries", root)
    assert done.returncode == 1
    assert done.stderr == f"ERROR: there is no /boot/initramfs-{_KERNEL}.img\n"


def test_before_another_kernel_comes_entries_get_the_machines_name(written: Path) -> None:
    plugin = written / "usr/lib/kernel/install.d/10-aio-image.install"
    folder = written / "boot/loader/entries"
    (folder / "rescue.conf").write_text("title an administrator's own\n")
    run(plugin, written, "inspect")
    assert entries(written) == [f"{'0' * 32}-{_KERNEL}.conf", "rescue.conf"]
    text = (folder / entries(written)[0]).read_text()
    for _ in range(2):
        done = run(plugin, written, "add", "6.13", KERNEL_INSTALL_MACHINE_ID=_MACHINE)
        assert (done.returncode, done.stderr) == (0, "")
        assert entries(written) == [f"{_MACHINE}-{_KERNEL}.conf", "rescue.conf"]
    assert (folder / entries(written)[0]).read_text() == text
    # An appliance that was reset has another id.
    run(plugin, written, "remove", "6.13", KERNEL_INSTALL_MACHINE_ID="e" * 32)
    assert entries(written) == [f"{'e' * 32}-{_KERNEL}.conf", "rescue.conf"]


def test_an_entry_that_this_machine_has_is_not_overwritten(written: Path) -> None:
    plugin = written / "usr/lib/kernel/install.d/10-aio-image.install"
    mine = written / f"boot/loader/entries/{_MACHINE}-{_KERNEL}.conf"
    mine.write_text("mine\n")
    done = run(plugin, written, "add", _KERNEL, KERNEL_INSTALL_MACHINE_ID=_MACHINE)
    assert done.returncode == 0
    assert mine.read_text() == "mine\n"


def test_firmware_finds_shim_and_shim_finds_grub_and_no_fallback(root: Path) -> None:
    done = run(_OURS / "aio-image-efi-redhat/finalise.d/60-aio-image-efi-redhat", root)
    assert done.returncode == 0, done.stderr
    esp = root / "boot/efi/EFI"
    assert {path.name: path.read_text() for path in (esp / "BOOT").iterdir()} == {
        "BOOTX64.EFI": "shim",
        "mmx64.efi": "MokManager",
        "grubx64.efi": "GRUB",
    }
    assert (esp / "centos/shimx64.efi").exists()
    stub = esp / "centos/grub.cfg"
    assert stub.read_text().splitlines() == [
        "search --no-floppy --label --set=root aio-root",
        "set prefix=($root)/boot/grub2",
        "configfile $prefix/grub.cfg",
    ]


def test_a_package_without_its_files_ends_the_build(root: Path) -> None:
    (root / "boot/efi/EFI/centos/shimx64.efi").unlink()
    done = run(_OURS / "aio-image-efi-redhat/finalise.d/60-aio-image-efi-redhat", root)
    assert done.returncode != 0
    assert "centos/shimx64.efi" in done.stderr
