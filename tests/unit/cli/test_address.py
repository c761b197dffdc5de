"""`aio-image test --address`: what the checks expect of an appliance that runs elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aio_image.cli.main import main, parser_for
from aio_image.cli.test import target_there
from aio_image.errors import EXIT_USAGE
from aio_image.health.target import Target


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """Only a name: what counts is the manifest beside it."""
    size = {"memory": 4 << 30, "cpus": 2}
    about = {
        "deployer": "debian",
        "services": ["keystone", "glance"],
        "appliance": size,
        "test": {**size, "limits": {"healthy": 100, "check": 7}},
    }
    (tmp_path / "mine.manifest.json").write_text(json.dumps(about))
    return tmp_path / "mine.qcow2"


def target(tmp_path: Path, *words: str) -> Target:
    password = tmp_path / "password"
    password.write_text("secret\n")
    line = ["test", "--address", "192.0.2.7", "--password-file", str(password), *words]
    return target_there(parser_for("test").parse_args(line), tmp_path)


def test_without_an_image_it_is_the_default_profile(tmp_path: Path) -> None:
    found = target(tmp_path)
    assert (found.address, found.password) == ("192.0.2.7", "secret")
    assert found.dashboard == "/horizon/"
    assert found.request == 60


def test_services_and_limits_come_from_the_manifest(tmp_path: Path, image: Path) -> None:
    found = target(tmp_path, str(image))
    assert not found.dashboard
    assert len(found.expected) == 2
    assert (found.request, found.resource) == (7, 14)


def test_an_emulated_one_has_more_time(tmp_path: Path, image: Path) -> None:
    assert target(tmp_path, str(image), "--accelerator", "tcg").request == 56


def test_a_manifest_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    password = tmp_path / "password"
    password.write_text("secret")
    line = ["test", "--address", "192.0.2.7", "--password-file", str(password)]
    assert main([*line, str(tmp_path / "no.qcow2")]) == EXIT_USAGE
    assert "no.manifest.json: there is no such file" in capsys.readouterr().err
