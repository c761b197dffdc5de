"""The cloud's storage on real loop devices: disks, files, file systems, volume groups."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aio_image.appliance import cli, notices
from aio_image.appliance.problems import ApplianceProblem
from aio_image.appliance.storage import devices, disk, forget, groups, loops, mounts, service
from tests.host.appliance.storage_bench import (
    CINDER,
    DISK,
    GIB,
    GROUP,
    IMAGES,
    INSTANCES,
    NOVA,
    OTHER,
    PLACES,
    SWIFT_PLACES,
    Machine,
)

pytestmark = pytest.mark.host
ON_DISK = f"data_disk: {{device: {DISK}}}\n"


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "PATIENCE", 0.0)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine.make(tmp_path / "root")
    yield machine
    machine.scrap()


def group_size() -> int:
    return groups.sizes(CINDER, GROUP)[0]


def may_resize_ext4() -> bool:
    """Whether this process has CAP_SYS_RESOURCE (24)."""
    status = Path("/proc/self/status").read_text()
    return bool(int(re.findall(r"CapEff:\s*(\S+)", status)[0], 16) >> 24 & 1)


def first_bytes(path: Path, count: int = 1 << 20) -> bytes:
    with path.open("rb") as file:
        return file.read(count)


def test_without_a_data_disk_only_cinder_has_a_file(machine: Machine) -> None:
    free = os.statvfs(machine.layout.root)
    assert machine.boot() == []
    wanted = free.f_bavail * free.f_frsize * 5 // 100 // GIB * GIB
    size = (machine.openstack / "cinder.img").stat().st_size
    # Not less than 2 GiB, however little there is.
    assert abs(size - max(wanted, 2 * GIB)) <= GIB
    assert size >= 2 * GIB
    assert size - group_size() < 64 * 1024**2
    assert [path.name for path in machine.openstack.iterdir()] == ["cinder.img"]
    assert mounts.at(machine.layout.at(INSTANCES)) is None
    machine.power_off()
    written = machine.layout.storage.stat().st_mtime_ns
    assert machine.boot() == []
    assert machine.layout.storage.stat().st_mtime_ns == written, "a boot with nothing new wrote"


def test_orderly_down_and_up(machine: Machine) -> None:
    machine.add_disk()
    machine.configure(ON_DISK + "storage: {cinder: 3G, nova: 2G}\n")
    machine.boot()
    assert service.detach(machine.layout) == []
    assert mounts.at(machine.openstack) is None
    assert loops.file_behind(CINDER) is None
    assert loops.file_behind(NOVA) is None
    machine.boot()
    # A user that did not stop: left to systemd, and nothing hangs.
    with (machine.layout.at(INSTANCES) / "busy").open("w"):
        assert service.detach(machine.layout) == [INSTANCES, str(machine.openstack)]
    assert service.detach(machine.layout) == []


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_blank_disk_is_taken_once(machine: Machine, kind: str) -> None:
    machine.add_disk()
    machine.configure(f"data_disk: {{device: {DISK}, filesystem: {kind}, wipe: yes}}\n")
    assert machine.boot() == []
    assert devices.signatures(DISK)[0].type == kind
    assert devices.uuid_of(DISK) == machine.kept["disk"]["uuid"]
    for folder, name in ((INSTANCES, "compute_nodes"), (IMAGES, "tiny")):
        target = machine.layout.at(folder)
        assert (target / name).read_text() == "from the image"
        assert target.stat().st_mode & 0o7777 == 0o750
        (target / "later").write_text("the owner's")
    assert (machine.openstack / "nova/later").exists()
    machine.power_off()
    # `wipe: yes` is still there, and the disk was told to us by a name that is another's now.
    machine.configure(f"data_disk: {{device: {OTHER}, filesystem: {kind}, wipe: yes}}\n")
    other = machine.add_disk(OTHER)
    other.write_bytes(b"somebody's")
    os.truncate(other, 9 * GIB)
    (warning,) = machine.boot()
    assert f"{OTHER} is not used" in warning
    assert machine.layout.at(IMAGES).joinpath("later").read_text() == "the owner's"
    assert first_bytes(other, 10) == b"somebody's"
    # Nor is it needed in the configuration any more.
    machine.power_off()
    machine.configure("")
    assert machine.boot() == []
    assert machine.layout.at(IMAGES).joinpath("later").exists()


def _gpt(path: Path) -> None:
    subprocess.run(["sgdisk", "--new=1:0:+64M", path], check=True, capture_output=True)


def _mkfs(path: Path) -> None:
    subprocess.run(["mkfs.ext4", "-q", "-F", "-L", "family", path], check=True)


def _lvm(_: Path) -> None:
    groups.make(DISK, "aio-bench-others")


def _bytes(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-2000, os.SEEK_END)
        file.write(b"a database on a raw disk")


@pytest.mark.parametrize(
    ("fill", "said"),
    [
        (_gpt, "a GPT partition table"),
        (_mkfs, "type ext4, labelled family"),
        (_lvm, "an LVM physical volume"),
        (_bytes, "bytes of a kind not known here"),
    ],
)
def test_a_disk_with_anything_on_it_is_refused(machine: Machine, fill, said: str) -> None:  # type: ignore[no-untyped-def]
    backing = machine.add_disk()
    fill(backing)
    before = first_bytes(DISK)
    machine.configure(ON_DISK)
    with pytest.raises(ApplianceProblem, match="is not blank") as caught:
        machine.boot()
    assert said in caught.value.message
    assert "wipe: yes" in caught.value.hint
    assert first_bytes(DISK) == before
    assert not machine.layout.storage.exists()
    machine.configure(f"data_disk: {{device: {DISK}, wipe: yes}}\n")
    assert machine.boot() == []
    assert [one.type for one in devices.signatures(DISK)] == ["ext4"]


def test_a_disk_in_use_is_refused_whatever_is_asked(machine: Machine, tmp_path: Path) -> None:
    backing = machine.add_disk()
    _mkfs(backing)
    place = tmp_path / "my photos"
    place.mkdir()
    machine.configure(f"data_disk: {{device: {DISK}, wipe: yes}}\n")
    mounts.mount(DISK, place)
    try:
        with pytest.raises(ApplianceProblem, match=f"is mounted at {place}"):
            machine.boot()
    finally:
        mounts.unmount(place)
    handle = os.open(DISK, os.O_RDONLY | os.O_EXCL)
    try:
        with pytest.raises(ApplianceProblem, match="something uses it"):
            machine.boot()
    finally:
        os.close(handle)
    assert devices.signatures(DISK)[0].label == "family"


def test_the_disk_this_system_runs_from_is_refused(machine: Machine) -> None:
    source = next(one for one in mounts.all_of_them() if one.at == "/").number
    name = (Path("/sys/dev/block") / source).resolve().name
    if not Path("/sys/class/block", name).exists():
        pytest.skip("the root of this host is on no block device")
    machine.configure(f"data_disk: {{device: /dev/{name}, wipe: yes}}\n")
    with pytest.raises(ApplianceProblem, match="this system runs from it"):
        machine.boot()


def test_too_small_and_not_a_disk(machine: Machine) -> None:
    machine.add_disk(size=GIB)
    machine.configure(ON_DISK)
    with pytest.raises(ApplianceProblem, match="1 GiB, too small"):
        machine.boot()
    machine.configure("data_disk: {device: /dev/null}\n")
    with pytest.raises(ApplianceProblem, match="is not a block device"):
        machine.boot()


def test_a_missing_disk_is_told_and_taken_when_it_comes(machine: Machine) -> None:
    machine.configure(ON_DISK)
    assert cli.main(["storage-attach"], machine.layout) == 1
    assert notices.every(machine.layout) == [f"data disk {DISK}: is not there"]
    assert not machine.openstack.exists()
    machine.add_disk()
    assert cli.main(["storage-attach"], machine.layout) == 0
    assert notices.every(machine.layout) == []
    machine.power_off()
    machine.remove_disk()
    with pytest.raises(ApplianceProblem, match="last seen as") as caught:
        machine.boot()
    assert "aio storage" in caught.value.hint
    # It comes back under another name.
    loops.attach(machine.disks.pop(DISK), OTHER)
    machine.disks[OTHER] = machine.layout.root.parent / f"{DISK.name}.raw"
    (warning,) = machine.boot() or [""]
    assert warning == ""
    assert machine.kept["disk"]["device"] == str(OTHER)


def test_a_disk_that_is_a_little_late_is_waited_for(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "PATIENCE", 60.0)
    machine.add_disk()
    machine.remove_disk()
    machine.configure(ON_DISK)
    late = threading.Timer(1.0, machine.add_disk)
    late.start()
    assert machine.boot() == []
    late.join()
    machine.power_off()
    machine.remove_disk()
    late = threading.Timer(1.0, machine.add_disk)
    late.start()
    assert machine.boot() == []
    late.join()


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_everything_grows_and_nothing_shrinks(machine: Machine, kind: str) -> None:
    if kind == "ext4" and not may_resize_ext4():
        pytest.skip("CAP_SYS_RESOURCE is not given here, and ext4 grows for nobody else")
    machine.add_disk()
    asked = f"data_disk: {{device: {DISK}, filesystem: {kind}}}\n"
    machine.configure(asked + "storage: {cinder: 2G, nova: 2G}\n")
    assert machine.boot() == []
    small = os.statvfs(machine.openstack).f_blocks, group_size()
    machine.layout.at(INSTANCES).joinpath("disk").write_text("an instance's")
    machine.power_off()
    machine.add_disk(size=18 * GIB)
    machine.configure(asked + "storage: {cinder: 5G, nova: 4G}\n")
    assert machine.boot() == []
    assert os.statvfs(machine.openstack).f_blocks > 1.8 * small[0]
    assert group_size() > 4.9 * GIB > small[1]
    nova = os.statvfs(machine.layout.at(INSTANCES))
    assert nova.f_blocks * nova.f_frsize > 3.8 * GIB
    machine.power_off()
    machine.configure(asked + "storage: {cinder: 3G, nova: 3G}\n")
    first, second = machine.boot()
    assert "nova.img has 4 GiB: it is not made smaller" in first
    assert "cinder.img has 5 GiB: it is not made smaller" in second
    assert machine.layout.at(INSTANCES).joinpath("disk").read_text() == "an instance's"


def test_swift_has_its_space_where_there_is_swift(machine: Machine, tmp_path: Path) -> None:
    machine.configure("storage: {swift: 2G}\n")
    with pytest.raises(ApplianceProblem, match="there is no swift in this cloud"):
        machine.boot()
    machine.scrap()
    other = Machine.make(tmp_path / "other", {**PLACES, "swift": SWIFT_PLACES})
    other.configure("storage: {swift: 2G}\n")
    try:
        assert other.boot() == []
        assert mounts.at(other.layout.at("/srv/swift1")) is not None
    finally:
        other.scrap()


def test_what_comes_too_late_is_a_warning(machine: Machine) -> None:
    machine.boot()
    machine.power_off()
    machine.add_disk()
    machine.configure(ON_DISK + "storage: {nova: 2G, swift: 2G}\n")
    warnings = machine.boot()
    assert [one.partition(":")[0] for one in warnings] == [
        "storage.swift", "data_disk", "storage.nova",
    ]  # fmt: skip
    assert devices.signatures(DISK) == []
    machine.power_off()
    machine.configure("data_disk: [}")
    assert machine.boot() == []  # personalise has said what is wrong with it


def test_a_file_that_is_not_ours_is_left(machine: Machine) -> None:
    machine.openstack.mkdir()
    (machine.openstack / "cinder.img").write_text("volumes of another cloud")
    with pytest.raises(ApplianceProblem, match="this appliance has not made it"):
        machine.boot()
    assert (machine.openstack / "cinder.img").read_text() == "volumes of another cloud"


def test_files_may_be_larger_than_the_disk_with_a_warning(machine: Machine) -> None:
    machine.add_disk()
    machine.configure(ON_DISK + "storage: {cinder: 1T}\n")
    assert cli.main(["storage-attach"], machine.layout) == 0
    (warning,) = notices.every(machine.layout)
    assert "cinder.img: may grow to 1 TiB" in warning


def test_a_full_disk_is_told_and_a_boot_with_nothing_new_needs_none(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    memory = machine.layout.storage.parent
    memory.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "full", memory], check=True)
    full = memory / "full"
    with contextlib.suppress(OSError):
        full.write_bytes(bytes(1 << 20))
    assert cli.main(["storage-attach"], machine.layout) == 1
    assert f"{memory} is full: 0 of 0 MiB free" in capsys.readouterr().err
    full.unlink()
    assert cli.main(["storage-attach"], machine.layout) == 0
    with contextlib.suppress(OSError):
        full.write_bytes(bytes(1 << 20))
    machine.power_off(keep=memory)
    assert cli.main(["storage-attach"], machine.layout) == 0


def test_lost_for_good(machine: Machine) -> None:
    machine.add_disk()
    machine.configure(ON_DISK)
    machine.boot()
    with pytest.raises(ApplianceProblem, match="is there"):
        forget.forget(machine.layout, "disk")
    with pytest.raises(ApplianceProblem, match="is there"):
        forget.forget(machine.layout, "cinder")
    machine.power_off()
    machine.remove_disk()
    machine.disks.pop(DISK).unlink()
    assert cli.main(["storage", "--forget", "disk"], machine.layout) == 0
    machine.add_disk()
    assert machine.boot() == []
    # Only the file is gone.
    machine.power_off()
    mounts.mount(DISK, machine.openstack)
    (machine.openstack / "cinder.img").unlink()
    mounts.unmount(machine.openstack)
    with pytest.raises(ApplianceProblem, match=r"cinder\.img: is gone"):
        machine.boot()
    forget.forget(machine.layout, "cinder")
    assert machine.boot() == []


@pytest.mark.parametrize("with_disk", [True, False])
def test_cleared_for_a_reset(machine: Machine, with_disk: bool) -> None:
    if with_disk:
        machine.add_disk()
        machine.configure(ON_DISK + "storage: {nova: 2G}\n")
    machine.boot()
    before = group_uuid()
    machine.layout.at(IMAGES).joinpath("theirs").write_text("secret")
    assert forget.clear(machine.layout) == ""
    assert mounts.at(machine.openstack) is None
    assert machine.kept["places"] == {}
    assert machine.boot() == []
    assert group_uuid() != before
    if with_disk:
        assert [path.name for path in machine.layout.at(IMAGES).iterdir()] == ["tiny"]


def test_a_reset_without_its_disk_is_told_and_goes_on(machine: Machine) -> None:
    machine.add_disk()
    machine.configure(ON_DISK)
    machine.boot()
    machine.power_off()
    machine.remove_disk()
    assert "did not appear" in forget.clear(machine.layout)
    machine.add_disk()
    with pytest.raises(ApplianceProblem, match="is not blank"):
        machine.boot()  # what was left on it is not lost by accident
    assert forget.clear(machine.layout) == ""


def group_uuid() -> str:
    done = subprocess.run(
        ["vgs", "--devices", CINDER, "--noheadings", "-o", "vg_uuid", GROUP],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


def test_the_command_tells(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    machine.add_disk()
    machine.configure(ON_DISK + "storage: {cinder: 3G}\n")
    assert cli.main(["storage-attach"], machine.layout) == 0
    assert notices.every(machine.layout) == []
    capsys.readouterr()
    assert cli.main(["storage"], machine.layout) == 0
    told = capsys.readouterr().out
    assert f"data disk {DISK} (ext4)" in told
    assert f"{GROUP} in {machine.openstack}/cinder.img ({CINDER}), 3 GiB" in told
    assert cli.main(["storage", "--json"], machine.layout) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["name"]: one["kind"] for one in found["places"]} == {
        "cinder": "file", "glance": "folder", "nova": "folder",
    }  # fmt: skip
    assert cli.main(["storage-detach"], machine.layout) == 0
    assert cli.main(["storage"], machine.layout) == 1
    assert "NOT THERE" in capsys.readouterr().out
