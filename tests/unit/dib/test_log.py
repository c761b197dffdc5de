"""disk-image-create's words as progress and as the reason of a failure."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aio_image.dib.log import Hook, LogReader, elements_of_hooks

STAMP = "2026-01-01 12:00:00.000 | "
HOOKS = "/home/work/tmp/dib_build.x/hooks"
KNOWN = {("root", "10-aio-root"): "aio-root"}


def read(text: str) -> tuple[LogReader, list[tuple[str, float | None]]]:
    told: list[tuple[str, float | None]] = []
    reader = LogReader(lambda message, fraction: told.append((message, fraction)), KNOWN)
    for line in text.splitlines():
        reader.line(STAMP + line)
    return reader, told


def test_hooks_and_packages_become_progress() -> None:
    reader, told = read(
        f"""\
dib-run-parts Running {HOOKS}/root.d/10-aio-root
0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.
Get:1 http://mirror.example/debian trixie/main amd64 one amd64 1.0 [1 kB]
Unpacking one (1.0) ...
Unpacking two:amd64 (2.0) ...
Setting up one (1.0) ...
Setting up two:amd64 (2.0) ...
aio-image: compiling Python modules
dib-run-parts 10-aio-root completed
dib-run-parts Running {HOOKS}/post-install.d/30-other
INFO diskimage_builder.block_device.utils [-] Calling [sudo mkfs -t ext4 -i 16384 /dev/loop0p3]
Converting image using qemu-img convert
"""
    )
    assert told == [
        ("aio-root/root.d/10-aio-root", None),
        ("downloading, 1 of 2", 0.0),
        ("unpacking one", 0.02),
        ("unpacking two", 0.04),
        ("setting up one", 0.06),
        ("setting up two", 0.08),
        ("compiling Python modules", None),
        ("post-install.d/30-other", None),
        ("copying the tree into the root file system", None),
        ("compressing the image", None),
    ]
    assert reader.hook == Hook("post-install", "30-other")


def test_all_packages_count_as_one() -> None:
    def install(count: int) -> str:
        lines = [f"0 upgraded, {count} newly installed, 0 to remove and 0 not upgraded."]
        for doing in ("Unpacking", "Setting up"):
            lines += [f"{doing} package{number} (1.0) ..." for number in range(count)]
        return "\n".join(lines) + "\n"

    _, told = read(install(70) + install(800))
    fractions = [fraction for _, fraction in told if fraction is not None]
    assert fractions == sorted(fractions)
    assert len(fractions) > 90
    assert fractions[-1] == 1.0


def test_the_reason_is_what_the_hook_said_before_the_clean_up() -> None:
    reader, _ = read(
        f"""\
dib-run-parts Running {HOOKS}/root.d/10-aio-root
I: installing remaining packages inside the chroot...
Reading package lists...
E: Unable to locate package nosuch
E: run_progress(apt-get): process exited with 100
W: hooks failed
E: setup failed: E: apt-get failed
Unmount /home/work/mnt/dev
umount: error: not found, which is only the clean-up's
"""
    )
    assert reader.reason() == "aio-root/root.d/10-aio-root: E: Unable to locate package nosuch"
    assert "Reading package lists..." in reader.tail()
    assert not any("clean-up" in line for line in reader.tail())


def test_a_full_disk_is_the_reason_whatever_came_of_it() -> None:
    reader, _ = read(
        f"""\
dib-run-parts Running {HOOKS}/finalise.d/50-x
cp: error writing 'x': No space left on device
ERROR: something else failed because of it
"""
    )
    assert reader.reason().endswith("cp: error writing 'x': No space left on device")


def test_words_of_a_hook_that_completed_are_no_reason() -> None:
    reader, _ = read(
        f"""\
dib-run-parts Running {HOOKS}/root.d/10-aio-root
W: error that was survived
dib-run-parts 10-aio-root completed
exec_sudo failed: mke2fs: device is full
"""
    )
    assert reader.hook is None
    assert reader.reason() == "exec_sudo failed: mke2fs: device is full"


def test_silence() -> None:
    reader, _ = read(f"dib-run-parts Running {HOOKS}/root.d/10-aio-root\n")
    assert reader.reason() == "aio-root/root.d/10-aio-root: it said nothing"


@given(st.lists(st.text(st.characters(exclude_characters="\n"))))
def test_no_line_makes_it_fail(lines: list[str]) -> None:
    reader = LogReader(lambda _message, _fraction: None)
    for line in lines:
        reader.line(line)
    assert "\n" not in reader.reason()


def test_hooks_know_their_element(tmp_path: Path) -> None:
    for name in ("aio-root/root.d/10-aio-root", "aio-boot/post-install.d/60-initramfs"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.touch()
    assert elements_of_hooks([tmp_path]) == {
        ("root", "10-aio-root"): "aio-root",
        ("post-install", "60-initramfs"): "aio-boot",
    }
