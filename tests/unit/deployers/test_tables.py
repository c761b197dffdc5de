"""A deployer of other habits than debian's: what its tables may leave out, and say instead."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from aio_image import deployers
from aio_image.deployers import tables
from aio_image.profile import ability

NAME = "set-up-by-hand"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Debian's tables under another name, in a folder as a Python package could be one."""
    shutil.copy(tables._ROOM / "ports.yaml", tmp_path)
    folder = tmp_path / "set_up_by_hand"
    shutil.copytree(tables._ROOM / "debian", folder)
    monkeypatch.setattr(tables, "_ROOM", tmp_path)
    for cached in (deployers.load, deployers.packages, ability.of):
        cached.cache_clear()
    yield folder
    for cached in (deployers.load, deployers.packages, ability.of):
        cached.cache_clear()


def change(path: Path, **values: object) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **values}, sort_keys=False))


def test_its_folder_has_no_dashes(room: Path) -> None:
    assert deployers.folder(NAME) == room.name
    assert deployers.names() == (NAME,)
    assert deployers.load(NAME).name == NAME


def test_it_is_known_once_it_has_a_recipe(room: Path) -> None:
    (room / "recipe.yaml").unlink()
    assert deployers.names() == ()


def test_one_that_installs_packages_itself_has_no_table_of_them(room: Path) -> None:
    assert deployers.load(NAME).release == "trixie"
    deployers.load.cache_clear()
    deployers.packages.cache_clear()
    (room / "packages.yaml").unlink()
    assert deployers.packages(NAME) is None
    assert deployers.load(NAME).release == ""


def test_services_listen_where_it_says(room: Path) -> None:
    table = yaml.safe_load((room / "services.yaml").read_text())
    table["services"]["nova"]["ports"][0]["address"] = "192.0.2.7"
    change(room / "services.yaml", address="192.0.2.5", services=table["services"])
    services = {service.name: service for service in deployers.load(NAME).services}
    assert services["keystone"].probes[0].url == "http://192.0.2.5:15000/v3"
    assert services["nova"].probes[1].url == "http://192.0.2.7:16080/vnc_lite.html"


def test_it_may_take_every_word(room: Path) -> None:
    able = ability.of(NAME)
    assert able is not None
    assert "octavia" not in able.words
    ability.of.cache_clear()
    deployers.load.cache_clear()
    scenario = yaml.safe_load((room / "services.yaml").read_text())["scenario"]
    change(room / "services.yaml", scenario={**scenario, "every_word": True})
    assert ability.of(NAME) is None
    assert deployers.load(NAME).services_of(["octavia", "keystone"]) == (
        "haproxy", "keystone", "client",
    )  # fmt: skip
