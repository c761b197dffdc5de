"""The seeds under cloud-init/examples say what the appliance understands."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from aio_image import appliance, deployers
from aio_image.appliance import config
from aio_image.appliance.ledger import Secret
from aio_image.paths import resource

EXAMPLES = sorted(path for path in (resource("cloud-init") / "examples").iterdir())


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_a_whole_seed_that_the_appliance_accepts(example: Path) -> None:
    text = (example / "user-data").read_text()
    assert text.startswith("#cloud-config\n")
    (file,) = yaml.safe_load(text)["write_files"]
    assert (file["path"], file["permissions"]) == ("/etc/aio/config.yaml", "0600")
    known = {
        one.name: Secret(one.name, one.length, one.files, one.mariadb, one.keystone)
        for one in deployers.load("debian").secrets
    }
    assert config.parse(file["content"].encode(), known) != config.Config()
    assert yaml.safe_load((example / "meta-data").read_text())["instance-id"]
    network = example / "network-config"
    if network.exists():
        assert yaml.safe_load(network.read_text())["version"] == 2


def test_what_is_installed_is_there() -> None:
    room = Path(appliance.__file__).parent
    table = yaml.safe_load((room / "install.yaml").read_text())
    for entry in table["files"]:
        source = entry["source"]
        beside = source.startswith("cloud-init/")
        path = (
            resource("cloud-init") / source.removeprefix("cloud-init/") if beside else room / source
        )
        assert path.is_file(), source
    units = {Path(entry["target"]).name for entry in table["files"]}
    assert set(table["enable"]) <= units
