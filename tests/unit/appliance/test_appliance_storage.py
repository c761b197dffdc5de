"""Storage, as far as it goes without root; the rest is in tests/host/appliance/test_storage*.py."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aio_image import deployers
from aio_image.appliance.problems import ApplianceProblem
from aio_image.appliance.storage import devices, mounts, places, programs, table, words
from aio_image.appliance.storage.record import FILE, FOLDER, Disk, Kept, Record

GIB = 1024**3


@pytest.mark.parametrize(("free", "size"), [(0, 2), (3, 2), (9, 4), (41, 20)])
def test_a_file_gets_its_share_of_the_free_disk(free: int, size: int) -> None:
    assert places.share(free * GIB, 50) == size * GIB


@given(st.integers(0, 2**60), st.integers(0, 100))
def test_a_share_is_whole_gibibytes(free: int, percent: int) -> None:
    found = places.share(free, percent)
    assert found % GIB == 0
    assert found == places.SMALLEST or found <= free * percent / 100


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (1536, "1.5 KiB"), (40 * GIB, "40 GiB"), (3 * 1024**5, "3072 TiB")],
)
def test_sizes_in_words(count: int, said: str) -> None:
    assert words.size(count) == said


def test_the_record_is_what_was_saved(tmp_path: Path) -> None:
    record = Record.load(tmp_path / "storage.json")
    assert not record.settled
    record.disk = Disk("u-u-i-d", "xfs", "serial 7", 9 * GIB, "/dev/vdb")
    record.save()
    assert not Record.load(record.path).settled
    record.disk.made = True
    record.places = {"cinder": Kept(FILE, 2 * GIB, True), "glance": Kept(FOLDER)}
    record.save()
    assert Record.load(record.path) == record
    assert record.settled


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"disk": {"new": 1}, "places": {}}'])
def test_a_damaged_record_is_never_taken_for_none(tmp_path: Path, text: str) -> None:
    """Without it nobody knows what may be formatted."""
    path = tmp_path / "storage.json"
    path.write_text(text)
    with pytest.raises(ApplianceProblem, match="damaged"):
        Record.load(path)


def test_the_places_of_the_image_are_understood(tmp_path: Path) -> None:
    """Both sides of services.json: what deployers write, the appliance reads."""
    for name in deployers.names():
        facts = deployers.load(name)
        path = tmp_path / "services.json"
        path.write_text(json.dumps(facts.dump([service.name for service in facts.services])))
        found = table.load(path)
        assert len({place.name for place in found}) == len(found)
        taken = [place.device for place in found if place.device]
        assert len(set(taken)) == len(taken)
        for place in found:
            assert (place.group is None) != (place.mount is None), place
            assert (place.device is None) == (place.size is None), place
        users = {user for one in facts.services if one.storage for user in one.storage.users}
        assert "aio-storage.service" not in users


def test_debian_keeps_volumes_on_a_loop_device_and_the_rest_on_the_data_disk() -> None:
    rows = [
        place
        for service in deployers.load("debian").services
        if service.storage
        for place in service.storage.places
    ]
    assert {row.name: row.device for row in rows if row.share} == {"cinder": "/dev/loop64"}
    assert {row.name: row.mount for row in rows if row.folder} == {
        "glance": "/var/lib/glance/images",
        "nova": "/var/lib/nova/instances",
    }


@pytest.mark.parametrize("text", ["", "[]", '{"services": [{"storage": {"places": [{"at": 1}]}}]}'])
def test_a_damaged_table(tmp_path: Path, text: str) -> None:
    path = tmp_path / "services.json"
    path.write_text(text)
    with pytest.raises(ApplianceProblem, match="damaged"):
        table.load(path)


def test_this_machine_has_a_root() -> None:
    (root, *_) = [mount for mount in mounts.all_of_them() if mount.at == "/"]
    assert mounts.at(Path("/")) is not None
    assert root.inside == "/" or root.inside.startswith("/")
    assert mounts.at(Path(__file__).parent) is None


def test_what_is_not_a_disk(tmp_path: Path) -> None:
    assert devices.find(str(tmp_path / "gone")) is None
    assert devices.find("no-such-disk") is None
    for other in (tmp_path, Path(os.devnull)):
        with pytest.raises(ApplianceProblem, match="not a block device"):
            devices.find(str(other))


def test_signatures_in_words() -> None:
    assert str(devices.Signature("gpt", "", "")) == "a GPT partition table"
    assert str(devices.Signature("xfs", "u", "photos")).endswith("type xfs, labelled photos")


def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(ApplianceProblem, match=r"^cat /no-such: .*No such file") as caught:
        programs.run("cat", "/no-such", cure="look")
    assert caught.value.hint == "look"
    assert programs.run("sh", "-c", "echo said; exit 3", accept=(3,)) == "said"
    assert not programs.attempt("false")
    with pytest.raises(ApplianceProblem, match="not installed"):
        programs.run("aio-no-such-program")
