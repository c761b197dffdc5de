"""The libvirt domain of an appliance, as XML. Pure: a specification in, text out.

Elements and attributes: libvirt's domain format (https://libvirt.org/formatdomain.html) as of
libvirt 9.0. What that release cannot say, forwarded ports of a user network, goes to QEMU as
arguments of its own (https://libvirt.org/kbase/qemu-passthrough-security.html).
"""

from __future__ import annotations

import uuid as uuids
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path

from aio_image.boot.ports import Forwards

FIRMWARE = ("bios", "uefi", "secure")
_QEMU_NS = "http://libvirt.org/schemas/domain/qemu/1.0"
# A slot of q35's root bus that libvirt, which fills it from 1 on, does not reach here.
_USER_NETWORK_SLOT = "0x10"


@dataclass(frozen=True)
class DomainSpec:
    """One guest. ``memory`` is in MiB. Exactly one of ``forwards`` and ``network`` is given.

    ``disk`` is an overlay of ``backing``, a file and its format, or stands alone where that is
    None. ``accelerator`` is kvm or tcg. ``nvram`` is where UEFI variables go (unused with bios).
    ``restarts`` says whether the guest may reboot; where not, a reboot ends the domain.
    ``data`` is a second disk, raw. ``clock`` is what the guest's clock says at power-on, in seconds
    since 1970; None: the host's. ``unplugged``: the guest's network card leads nowhere.
    """

    name: str
    accelerator: str
    firmware: str
    memory: int
    cpus: int
    disk: Path
    seed: Path
    console: Path
    nvram: Path
    mac: str
    backing: tuple[Path, str] | None = None
    forwards: Forwards | None = None
    network: str | None = None
    restarts: bool = False
    data: Path | None = None
    clock: int | None = None
    unplugged: bool = False
    uuid: str = field(default_factory=lambda: str(uuids.uuid4()))


def domain_xml(spec: DomainSpec) -> str:
    """The domain's XML, indented, for ``virDomainCreateXML``."""
    if (spec.forwards is None) == (spec.network is None):
        raise ValueError("a domain has either forwarded ports or a network")
    ET.register_namespace("qemu", _QEMU_NS)
    root = ET.Element("domain", type="kvm" if spec.accelerator == "kvm" else "qemu")
    _text(root, "name", spec.name)
    _text(root, "uuid", spec.uuid)
    _text(root, "title", "OpenStack appliance, started by aio-image")
    _text(root, "memory", str(spec.memory), unit="MiB")
    _text(root, "vcpu", str(spec.cpus))
    _firmware(root, spec)
    _processor(root, spec)
    _lifecycle(root, spec)
    devices = ET.SubElement(root, "devices")
    _disks(devices, spec)
    _console(devices, spec)
    if spec.network is not None:
        _network_card(devices, spec)
    random = ET.SubElement(devices, "rng", model="virtio")
    _text(random, "backend", "/dev/urandom", model="random")
    ET.SubElement(devices, "memballoon", model="none")
    _to_qemu_itself(root, spec)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _text(parent: ET.Element, tag: str, text: str, **attributes: str) -> ET.Element:
    element = ET.SubElement(parent, tag, attributes)
    element.text = text
    return element


def _firmware(root: ET.Element, spec: DomainSpec) -> None:
    if spec.firmware == "bios":
        system = ET.SubElement(root, "os")
    else:
        # libvirt finds the files by their descriptors (/usr/share/qemu/firmware/*.json).
        system = ET.SubElement(root, "os", firmware="efi")
    _text(system, "type", "hvm", arch="x86_64", machine="q35")
    if spec.firmware == "bios":
        # "No bootable device" is then read on the console instead of being waited for.
        ET.SubElement(system, "bios", useserial="yes")
    else:
        secure = "yes" if spec.firmware == "secure" else "no"
        chosen = ET.SubElement(system, "firmware")
        ET.SubElement(chosen, "feature", enabled=secure, name="enrolled-keys")
        ET.SubElement(chosen, "feature", enabled=secure, name="secure-boot")
        if spec.firmware == "secure":
            ET.SubElement(system, "loader", secure="yes")
        _text(system, "nvram", str(spec.nvram))
    ET.SubElement(system, "boot", dev="hd")


def _processor(root: ET.Element, spec: DomainSpec) -> None:
    features = ET.SubElement(root, "features")
    ET.SubElement(features, "acpi")
    ET.SubElement(features, "apic")
    if spec.firmware == "secure":
        ET.SubElement(features, "smm", state="on")
    if spec.accelerator == "kvm":
        cpu = ET.SubElement(root, "cpu", mode="host-passthrough", migratable="off")
        _one_socket(cpu, spec)
    else:
        # Everything TCG knows, AMD's virtualisation included, so that the guest can run guests;
        # without five-level page tables, which only make each emulated page walk longer.
        cpu = ET.SubElement(root, "cpu", mode="maximum")
        _one_socket(cpu, spec)
        ET.SubElement(cpu, "feature", policy="disable", name="la57")


def _one_socket(cpu: ET.Element, spec: DomainSpec) -> None:
    # Linux takes the time stamp counters of several sockets for unsynchronised (arch/x86/kernel/
    # tsc.c, unsynchronized_tsc) and asks the HPET instead: ten times dearer a look at the clock
    # under TCG, and one processor at a time. libvirt's default is a socket a processor.
    ET.SubElement(cpu, "topology", sockets="1", cores=str(spec.cpus), threads="1")


def _lifecycle(root: ET.Element, spec: DomainSpec) -> None:
    if spec.clock is None:
        ET.SubElement(root, "clock", offset="utc")
    else:
        ET.SubElement(root, "clock", offset="absolute", start=str(spec.clock))
    _text(root, "on_poweroff", "destroy")
    _text(root, "on_reboot", "restart" if spec.restarts else "destroy")
    _text(root, "on_crash", "destroy")


def _disks(devices: ET.Element, spec: DomainSpec) -> None:
    disk = ET.SubElement(devices, "disk", type="file", device="disk")
    # Unsafe loses writes only when the host dies, and then a test's overlay is of no use anyway.
    cache = "writeback" if spec.restarts else "unsafe"
    ET.SubElement(disk, "driver", name="qemu", type="qcow2", cache=cache, discard="unmap")
    ET.SubElement(disk, "source", file=str(spec.disk))
    chain = ET.SubElement(disk, "backingStore")
    if spec.backing is not None:
        image, kind = spec.backing
        chain.set("type", "file")
        ET.SubElement(chain, "format", type=kind)
        # Only read: libvirt's daemon would make it its own and not give it back.
        source = ET.SubElement(chain, "source", file=str(image))
        ET.SubElement(source, "seclabel", model="dac", relabel="no")
        ET.SubElement(chain, "backingStore")
    ET.SubElement(disk, "target", dev="vda", bus="virtio")
    if spec.data is not None:
        data = ET.SubElement(devices, "disk", type="file", device="disk")
        ET.SubElement(data, "driver", name="qemu", type="raw", cache=cache, discard="unmap")
        ET.SubElement(data, "source", file=str(spec.data))
        ET.SubElement(data, "target", dev="vdb", bus="virtio")
    seed = ET.SubElement(devices, "disk", type="file", device="cdrom")
    ET.SubElement(seed, "driver", name="qemu", type="raw")
    ET.SubElement(seed, "source", file=str(spec.seed))
    ET.SubElement(seed, "target", dev="sda", bus="sata")
    ET.SubElement(seed, "readonly")


def _console(devices: ET.Element, spec: DomainSpec) -> None:
    serial = ET.SubElement(devices, "serial", type="file")
    # Appended to: the file is made beforehand, by and for its reader.
    ET.SubElement(serial, "source", path=str(spec.console), append="on")
    ET.SubElement(serial, "target", port="0")


def _network_card(devices: ET.Element, spec: DomainSpec) -> None:
    card = ET.SubElement(devices, "interface", type="network")
    ET.SubElement(card, "mac", address=spec.mac)
    ET.SubElement(card, "source", network=str(spec.network))
    ET.SubElement(card, "model", type="virtio")


def _to_qemu_itself(root: ET.Element, spec: DomainSpec) -> None:
    if spec.forwards is None:
        return
    line = ET.SubElement(root, f"{{{_QEMU_NS}}}commandline")
    for argument in _user_network(spec, spec.forwards):
        ET.SubElement(line, f"{{{_QEMU_NS}}}arg", value=argument)


def _user_network(spec: DomainSpec, forwards: Forwards) -> tuple[str, ...]:
    rules = "".join(
        f",hostfwd=tcp:{forwards.address}:{host}-:{guest}"
        for guest, host in sorted(forwards.ports.items())
    )
    return (
        "-netdev",
        # A hub without anything else on it: nobody answers, and no DHCP gives an address.
        "hubport,id=aio,hubid=0" if spec.unplugged else f"user,id=aio{rules}",
        "-device",
        # No boot ROM: nothing is ever booted from the network.
        f"virtio-net-pci,netdev=aio,mac={spec.mac},bus=pcie.0,addr={_USER_NETWORK_SLOT},romfile=",
    )
