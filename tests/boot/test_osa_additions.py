"""A service that an OpenStack-Ansible image carries is added by `aio enable`, with no way out.

Natively. It then answers at its public address, keeps a secret and gives it back, and does so
after the next boot, too.

AIO_IMAGE_TEST_IMAGE  the image, of the deployer openstack-ansible, that carries barbican
"""

from __future__ import annotations

import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import pytest

from aio_image.host.process import follow, run
from tests.boot import secret
from tests.boot.native.boot import ADDRESS, ADMIN, Boot, powered
from tests.boot.native.disk import RootDisk
from tests.boot.table import Table
from tests.private import in_private

pytestmark = pytest.mark.boot
COLUMNS = ("command", "status", "seconds", "said")
_SERVICE, _TYPE = "barbican", "key-manager"
_STORE = "opt/aio/wheels"
# The appliance's own, which knows of it by now.
_CHECK = ("aio", "check", "--only", "catalogue", "endpoints", "secret")
_PAYLOAD = "what nobody else knows"


def test_it_is_added_with_no_way_out(base: RootDisk, scratch: Path, results: Path) -> None:
    scratch.mkdir(parents=True, exist_ok=True)
    disk = base.copy(scratch / "disk.raw")
    table = Table(results, "osa-additions", COLUMNS)
    log = results / "osa-additions.log"

    def body() -> None:
        with powered(disk, scratch) as boot:
            if not any((boot.root / _STORE).glob(f"{_SERVICE}-*.whl")):
                pytest.skip(f"the image carries no {_SERVICE} for later")
            table.note(healthy=round(boot.until_healthy(), 1))
            assert _TYPE not in boot.token()["catalogue"]
            known = boot.secrets()
            for wanted in (f"{_SERVICE} is enabled", f"{_SERVICE} is enabled already"):
                assert _enable(boot, table, log) == wanted, f"see {log}"
            assert boot.secrets() == known
            (url,) = boot.token()["catalogue"][_TYPE]
            assert ADDRESS in url
            assert _kept(boot, url) == _PAYLOAD
            assert boot.container is not None
            assert boot.container.failed_units() == []
            # Services restarted by handlers come back by themselves.
            table.note(healthy_after=round(boot.until_healthy(), 1))
            boot.inside(*_CHECK)
        with powered(disk, scratch) as boot:
            table.note(healthy_again=round(boot.until_healthy(), 1))
            boot.inside(*_CHECK)

    in_private(body)
    shutil.rmtree(scratch)


def _enable(boot: Boot, table: Table, log: Path) -> str:
    """Run `aio enable`, which takes minutes; the last it says."""
    assert boot.container is not None
    began = boot.seconds
    words = ["/usr/bin/aio", "enable", _SERVICE]
    said: list[str] = []
    with log.open("a", encoding="utf-8") as sink:
        status = follow(
            [*boot.container.enter({}), *words],
            partial(_line, said, sink),
        )
    table.add(
        command=" ".join(words),
        status=status,
        seconds=round(boot.seconds - began, 1),
        said=said[-1] if said else "",
    )
    assert status == 0, f"see {log}"
    return said[-1]


def _line(said: list[str], sink: TextIO, line: str) -> None:
    print(line, file=sink, flush=True)
    said.append(line)


def _kept(boot: Boot, url: str) -> str:
    """A secret stored at ``url`` and read again, by a client at the other end of the cable."""
    assert boot.container is not None
    request: dict[str, Any] = {
        "keystone": f"https://{ADDRESS}:5000/v3",
        "password": boot.secrets()[ADMIN],
        "authority": str(boot.root / "etc/aio/pki/ca.pem"),
        "barbican": url,
        "payload": _PAYLOAD,
    }
    done = run(
        [*boot.container.outside(), sys.executable, "-m", secret.__name__],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        feed=json.dumps(request),
        timeout=300,
    )
    return str(json.loads(done.output)["payload"])
