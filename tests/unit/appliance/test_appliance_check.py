"""``aio check`` on an appliance: what it is made of, and that it says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest
import yaml

import aio_image
from aio_image import appliance, deployers
from aio_image.appliance import cli, personalise
from aio_image.appliance.commands import check
from aio_image.appliance.layout import Layout
from aio_image.appliance.status import Reporter
from aio_image.plan import inputs
from aio_image.plan.table import STEPS
from aio_image.profile.load import load_profile

PACKAGE = Path(aio_image.__file__).parent
SHARED = yaml.safe_load((Path(appliance.__file__).parent / "install.yaml").read_text())["shared"]


def listed(patterns: Iterable[str]) -> set[str]:
    return {
        path.relative_to(PACKAGE).as_posix()
        for pattern in patterns
        for path in PACKAGE.glob(pattern)
        if path.suffix == ".py"
    }


def imported(start: Path) -> set[str]:
    """Files of the package that ``start`` leads to, packages' own included."""
    waiting, seen = [start], set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for name in inputs._imports(path):
            parts = name.split(".")
            if parts[0] != "aio_image" or parts[1:2] == ["appliance"]:
                continue
            for depth in range(1, len(parts) + 1):
                base = PACKAGE.joinpath(*parts[1:depth])
                waiting += [
                    one for one in (base.with_suffix(".py"), base / "__init__.py") if one.is_file()
                ]
    return {path.relative_to(PACKAGE).as_posix() for path in seen - {start}}


def test_the_image_gets_all_that_the_checks_import() -> None:
    needed = imported(Path(check.__file__))
    assert needed - listed(SHARED["sources"]) == set()


def test_the_image_gets_no_more_than_the_checks() -> None:
    unused = listed(SHARED["sources"]) - imported(Path(check.__file__))
    assert unused == set()


def test_a_change_of_a_check_bakes_again() -> None:
    (bake,) = (row for row in STEPS["debian", "deployed"] if row.name == "bake")
    labels = {label for pattern in bake.files for label, _ in inputs.matching(pattern)}
    assert {f"aio_image/{name}" for name in listed(SHARED["sources"])} <= labels


@pytest.fixture
def settled(image: Layout, capsys: pytest.CaptureFixture[str]) -> Layout:
    """An appliance after its first boot, at an address of this host where nothing listens."""
    services = load_profile("debian-aio", []).services
    image.services.write_text(json.dumps(deployers.load("debian").dump(services)))
    image.config.write_text("public_address: 127.250.3.9\nfqdn: cloud.example.invalid\n")
    personalise.run(image, Reporter(image, []))
    capsys.readouterr()
    return image


def test_nothing_answers(settled: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--json", "--only", "catalogue"], settled) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["passed"] is False
    rows = {one["check"]: (one["outcome"], one["detail"]) for one in told["checks"]}
    assert list(rows) == ["tls", "keystone-token", "catalogue"]
    assert rows["tls"] == (
        "failed",
        "GET http://cloud.example.invalid/aio/ca.pem: [Errno 111] Connection refused",
    )
    assert rows["catalogue"] == ("skipped", "needs keystone-token")
    assert all(one["seconds"] >= 0 for one in told["checks"])


def test_people_are_told_as_by_the_build_host(
    settled: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", "--only", "horizon-login"], settled) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "FAIL tls" in lines[0] or "✗ tls" in lines[0]
    assert lines[-1].startswith("1 failed, 1 skipped in ")


def test_names(settled: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--only", "list"], settled) == 0
    names = capsys.readouterr().out.split()
    assert {"status", "tls", "volume-lifecycle", "instance", "horizon-login"} <= set(names)
    assert cli.main(["check", "--only", "instanse"], settled) == 1
    assert "there is no check instanse; there are status, tls" in capsys.readouterr().err


def test_before_the_first_boot(image: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check"], image) == 1
    assert "no secrets yet" in capsys.readouterr().err


def test_a_nat_in_front_is_not_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"eth0": ["10.0.0.5", "10.0.0.6"]}
    monkeypatch.setattr(check.addresses, "interface_addresses", lambda: here)
    home, bridge = "127.0.0.1", "172.29.236.102"
    assert check._peer("10.0.0.6", home) == "10.0.0.6"
    assert check._peer("203.0.113.9", home) == home
    assert check._peer("127.0.3.4", home) == "127.0.3.4"
    assert check._peer("127.0.3.4", bridge) == bridge
    assert check._peer("203.0.113.9", bridge) == bridge
