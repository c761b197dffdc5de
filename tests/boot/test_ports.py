"""Who comes from outside finds the ports that are meant for him, and no other: all 65535 tried."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from aio_image import deployers
from tests.boot.native.boot import ADDRESS, Boot, powered
from tests.boot.native.disk import RootDisk
from tests.boot.table import Table
from tests.private import in_private

pytestmark = pytest.mark.boot
_SCAN = Path(__file__).with_name("scan_ports.py")


def test_every_port(base: RootDisk, scratch: Path, results: Path) -> None:
    """Of a working cloud exactly the ports of the table; earlier, none beside."""
    scratch.mkdir(parents=True, exist_ok=True)
    table = Table(results, "ports", ("when", "protocol", "open", "meant"))

    def body() -> None:
        disk = base.copy(scratch / "disk.raw")
        with powered(disk, scratch) as boot:
            while boot.status().get("stage") != "services":
                assert boot.seconds < 300
            early = _open(boot, "tcp")
            boot.until_healthy()
            late = _open(boot, "tcp")
            # Else its kernel calls fifty ports at a time unreachable, and one a second to us.
            for limit in ("ratelimit=0", "msgs_per_sec=1000000", "msgs_burst=100000"):
                boot.inside("sysctl", "-q", f"net.ipv4.icmp_{limit}")
            datagrams = _open(boot, "udp")
            content = (boot.root / "usr/share/aio/services.json").read_text(encoding="utf-8")
        about = json.loads(content)
        names = {service["name"] for service in about["services"]}
        ports = deployers.load(about["deployer"]).ports_of(names)
        meant = {port.port for port in ports if port.protocol == "tcp"}
        also = {port.port for port in ports if port.protocol == "udp"}
        table.add(when="starting", protocol="tcp", open=sorted(early), meant=sorted(meant))
        table.add(when="healthy", protocol="tcp", open=sorted(late), meant=sorted(meant))
        table.add(when="healthy", protocol="udp", open=sorted(datagrams), meant=sorted(also))
        assert early <= meant
        assert late == meant
        # A client's ports are open while it has an address of a server's.
        assert datagrams <= also

    in_private(body)
    shutil.rmtree(scratch)


def _open(boot: Boot, protocol: str) -> set[int]:
    return set(json.loads(boot.outside(sys.executable, "-I", str(_SCAN), ADDRESS, protocol)))
