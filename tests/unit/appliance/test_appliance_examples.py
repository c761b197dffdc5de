"""The seeds under cloud-init/examples say what the appliance understands.

What cloud-init says of them is in tests/host/test_cloud_init.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from aio_image import appliance, deployers
from aio_image.appliance import config
from aio_image.boot.seed import network, user_data
from aio_image.boot.seed.known import Known
from aio_image.paths import resource

EXAMPLES = sorted(path for path in (resource("cloud-init") / "examples").iterdir())
KNOWN = Known.of("debian", [one.name for one in deployers.load("debian").services])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_a_seed_that_the_appliance_accepts(example: Path) -> None:
    told, wrong = user_data.read((example / "user-data").read_text(), example.name, KNOWN)
    assert wrong == []
    assert told.config != config.Config()
    meta = example / "meta-data"
    if meta.exists():
        assert yaml.safe_load(meta.read_text())["instance-id"]
        assert told.ssh_keys
    else:
        assert "metadata service" in (example / "user-data").read_text()
    beside = example / "network-config"
    if beside.exists():
        assert network.wrong_with(beside.read_text(), beside.name) == []
        # What `aio-image seed` makes of the configuration.
        made = yaml.safe_load(network.network_of(told.config))
        assert yaml.safe_load(beside.read_text()) == made
    else:
        assert told.config.network is None


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_what_is_commented_out_is_right_too(example: Path) -> None:
    """The choices an example offers, taken together with what it says."""
    text = (example / "user-data").read_text()
    head, content = text.split("      ", 1)[0], text[text.rindex("content: |\n") + 11 :]
    assert head
    taken = re.sub(r"^( {6}(?:  )*)# (?=[a-z_ ]+:|  |bootstrap_host_)", r"\1", content, flags=re.M)
    found = KNOWN.read(taken.encode())
    assert found != config.Config()


def test_the_readme_lists_every_example() -> None:
    listed = re.findall(
        r"^\| \[`([a-z0-9-]+)`\]", (resource("cloud-init") / "README.md").read_text(), re.M
    )
    assert sorted(listed) == [path.name for path in EXAMPLES]


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
