"""Domains: golden XML for the combinations, valid by libvirt's own driver and schema.

To accept a change on purpose: AIO_ACCEPT=1 pytest tests/unit/boot/test_domain.py
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import libvirt
import pytest

from aio_image.boot.domain import DomainSpec, domain_xml
from aio_image.boot.ports import Forwards

GOLDEN = Path(__file__).with_name("golden")
FORWARDS = Forwards("127.1.2.3", {22: 2222, 443: 8443, 5000: 5000})
BASE = DomainSpec(
    name="aio-123456",
    accelerator="tcg",
    firmware="bios",
    memory=6144,
    cpus=2,
    disk=Path("/home/run/disk.qcow2"),
    seed=Path("/home/run/seed.iso"),
    console=Path("/home/logs/console.log"),
    nvram=Path("/home/run/nvram.fd"),
    mac="52:54:00:00:00:01",
    backing=(Path("/home/build/image.qcow2"), "qcow2"),
    forwards=FORWARDS,
    uuid="c0ffee00-0000-4000-8000-000000000001",
)
SPECS = {
    "tcg-bios": BASE,
    "tcg-uefi": replace(BASE, firmware="uefi"),
    "tcg-secure": replace(BASE, firmware="secure"),
    "kvm-bios": replace(BASE, accelerator="kvm", cpus=4),
    "kvm-secure-network": replace(
        BASE, accelerator="kvm", firmware="secure", forwards=None, network="default"
    ),
    "tcg-restarts": replace(BASE, restarts=True, backing=None),
    "tcg-trouble": replace(BASE, data=Path("/home/run/data.raw"), clock=1546300800, unplugged=True),
}


@pytest.mark.parametrize("name", SPECS)
def test_golden(name: str) -> None:
    path = GOLDEN / f"{name}.xml"
    made = domain_xml(SPECS[name])
    if os.environ.get("AIO_ACCEPT"):
        path.write_text(made, encoding="utf-8")
    assert made == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", SPECS)
def test_libvirt_takes_it(name: str, tmp_path: Path) -> None:
    """By the test driver, which parses as the others do, and by libvirt's RELAX NG schema."""
    xml = domain_xml(SPECS[name])
    connection = libvirt.open("test:///default")
    try:
        # The test driver has its own domain type and takes no QEMU arguments.
        plain = xml.replace(f'type="{"kvm" if "kvm" in name else "qemu"}"', 'type="test"', 1)
        domain = connection.defineXML(plain)
        again = domain.XMLDesc()
        assert "<name>aio-123456</name>" in again
        assert "/home/run/disk.qcow2" in again
        assert again.count("<disk ") == (3 if SPECS[name].data else 2)
    finally:
        connection.close()
    if shutil.which("virt-xml-validate") and shutil.which("xmllint"):
        file = tmp_path / "domain.xml"
        file.write_text(xml, encoding="utf-8")
        done = subprocess.run(
            ["virt-xml-validate", str(file), "domain"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_either_forwards_or_network() -> None:
    with pytest.raises(ValueError, match="either"):
        domain_xml(replace(BASE, network="default"))
    with pytest.raises(ValueError, match="either"):
        domain_xml(replace(BASE, forwards=None))


def test_names_are_escaped() -> None:
    xml = domain_xml(replace(BASE, disk=Path('/tmp/a & "b" <c>.qcow2')))
    assert "a &amp; &quot;b&quot; &lt;c&gt;.qcow2" in xml
