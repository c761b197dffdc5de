"""The public host in URLs of services' files: found in the build, written by boots."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aio_image.appliance import personalise, respelling
from aio_image.appliance.layout import Layout
from aio_image.appliance.machine import Record
from aio_image.appliance.problems import ApplianceProblem
from aio_image.appliance.status import Reporter
from aio_image.bake.osa import urls
from tests.power_cuts import PowerCut
from tests.unit.appliance.small_image import BAKE_ID, make_image

GLANCE = "openstack/venvs/glance-33.0.1/etc/glance/glance-api.conf"
TEXT = (
    "uri = https://{0}:5000\norigin = https://{0}\nother = https://{0}.example.org/\nbind = {0}\n"
)
HOLDER = "aio-canary.invalid"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = tmp_path / GLANCE
    path.parent.mkdir(parents=True)
    path.write_text(TEXT.format(HOLDER))
    path.chmod(0o640)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/glance").symlink_to(f"../{Path(GLANCE).parent}")
    (tmp_path / "etc/hosts").write_text(f"127.0.0.1 {HOLDER}\n")
    return tmp_path


def spelled(host: str) -> str:
    whole = TEXT.format(HOLDER).splitlines(keepends=True)
    return "".join([line.replace(HOLDER, host) for line in whole[:2]] + whole[2:])


def test_files_are_found_by_their_urls_and_once(tree: Path) -> None:
    assert urls.note(tree) == [f"/{GLANCE}"]
    assert respelling.load(tree / urls.NOTE) == (f"/{GLANCE}",)


def test_only_the_host_of_a_url_is_replaced(tree: Path) -> None:
    files = urls.note(tree)
    layout = Layout(tree)
    assert respelling.replace(layout, files, [HOLDER], "192.0.2.1") == files
    assert (tree / GLANCE).read_text() == spelled("192.0.2.1")
    assert (tree / GLANCE).stat().st_mode & 0o777 == 0o640
    assert respelling.replace(layout, files, [HOLDER, "192.0.2.1"], "[2001:db8::1]") == files
    assert respelling.replace(layout, files, ["192.0.2.1", "[2001:db8::1]"], "192.0.2.10") == files
    assert (tree / GLANCE).read_text() == spelled("192.0.2.10")
    assert respelling.replace(layout, files, ["192.0.2.1"], "192.0.2.2") == []


def test_a_file_that_its_owner_has_removed_is_no_error(tree: Path) -> None:
    files = urls.note(tree)
    (tree / GLANCE).unlink()
    assert respelling.replace(Layout(tree), files, [HOLDER], "192.0.2.1") == []


def test_a_damaged_note_is_told(tmp_path: Path) -> None:
    (tmp_path / "urls.json").write_text('{"format": 1}')
    with pytest.raises(ApplianceProblem, match="damaged"):
        respelling.load(tmp_path / "urls.json")


def test_boots_write_it_and_power_cuts_leave_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut while it moves from one address to the next, then moved on to a third."""
    image = make_image(tmp_path)
    names = [f"/etc/service{number}.conf" for number in range(3)]
    for name in names:
        image.at(name).write_text(f"uri = https://{HOLDER}:5000\n")
    image.urls.write_text(json.dumps({"format": respelling.FORMAT, "files": names}))

    def boot(address: str) -> None:
        image.config.write_text(f"public_address: {address}\n")
        personalise.run(image, Reporter(image))

    boot("192.0.2.10")
    assert Record.load(image.state, BAKE_ID).values["spelled"] == "192.0.2.10"
    write = respelling.write_atomic

    def cut(path: Path, content: bytes, mode: int) -> None:
        if path == image.at(names[1]):
            raise PowerCut
        write(path, content, mode)

    with monkeypatch.context() as power:
        power.setattr(respelling, "write_atomic", cut)
        with pytest.raises(PowerCut):
            boot("192.0.2.11")
    boot("192.0.2.12")
    assert {image.at(name).read_text() for name in names} == {"uri = https://192.0.2.12:5000\n"}
