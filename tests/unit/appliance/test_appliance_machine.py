"""What a boot finds of its machine: size, clock, network; proxy and its owner's words."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from pathlib import Path

import pytest

from aio_image import deployers
from aio_image.appliance import (
    addresses,
    clock,
    hypervisor,
    network,
    overrides,
    pki,
    probe_guest,
    proxy,
    resources,
    ssh_keys,
    table,
    troubles,
    waiting,
)
from aio_image.appliance.addresses import Machine, NoAddress, PublicHost
from aio_image.appliance.config import Config, Network, Proxy
from aio_image.appliance.layout import Layout
from aio_image.appliance.problems import ApplianceProblem
from aio_image.appliance.resources import Resources
from aio_image.appliance.table import Table

PUBLIC = PublicHost("192.0.2.10", "cloud.example.org", ("198.51.100.2",))
_GIB = 1024


@pytest.fixture
def rows(image: Layout) -> Table:
    return table.load(image.settle)


def test_the_table_names_units_and_files_of_the_deployer(rows: Table) -> None:
    facts = deployers.load("debian")
    units = {unit for service in facts.services for unit in service.units}
    told = [*rows.public, *rows.hypervisor, *rows.overrides.values()]
    named = {unit for row in told for unit in (*row.restart, *row.reload)}
    assert named - units <= {"nova-api-metadata.service"}
    folders = {Path(row.path).parent for row in told if row.path}
    tasks = "".join(file.read_text() for file in Path("playbooks/roles").glob("*/tasks/main.yml"))
    missing = {
        str(one) for one in folders if one.name.endswith(".conf.d") and str(one) not in tasks
    }
    assert missing == set(), "a service looks only into folders that its role makes"


@pytest.mark.parametrize(
    ("here", "said"),
    [
        (Resources(1, 8 * _GIB, 9000, 50000), "1 vCPU (2 needed)"),
        (Resources(2, 3 * _GIB, 9000, 50000), "3.0 GiB of memory (4.0 GiB needed)"),
        (
            Resources(2, 8 * _GIB, 900, 50000),
            "900 MiB free on the root file system (4.0 GiB needed)",
        ),
    ],
)
def test_too_small_a_machine(rows: Table, here: Resources, said: str) -> None:
    with pytest.raises(ApplianceProblem) as caught:
        resources.check(here, rows, first=True, force=False)
    assert caught.value.message == f"this machine is too small: {said}"
    assert "force: yes" in caught.value.hint
    warned = resources.check(here, rows, first=True, force=True)
    assert f"this machine is too small: {said}" in warned


def test_what_a_cloud_has_used_is_not_missed_later(rows: Table) -> None:
    here = Resources(8, 8 * _GIB, 100, 50000)
    assert resources.check(here, rows, first=False, force=False) == []


def test_a_machine_of_4_gb_counts_as_that(rows: Table) -> None:
    # What Linux shows of 4096 MiB in a virtual machine.
    warned = resources.check(Resources(2, 3915, 5000, 11000), rows, first=True, force=False)
    assert warned == [
        "this machine has 2 vCPUs (8 recommended)",
        "this machine has 3.8 GiB of memory (8.0 GiB recommended)",
        "this machine has 10.7 GiB of root file system (46.6 GiB recommended)",
    ]


def test_this_machine_is_looked_at() -> None:
    here = resources.look(Path("/"))
    assert here.cpus >= 1
    assert 256 < here.memory < 1 << 24
    assert 0 < here.free < here.disk


def test_a_clock_that_is_wrong(image: Layout) -> None:
    os.utime(image.clock_epoch, (1_800_000_000, 1_800_000_000))
    assert clock.check(image, 1_800_000_000 + 400 * 24 * 3600) == []
    (early,) = clock.check(image, 0)
    assert "1970-01-01, before this image was built (2027-01-15)" in early
    (late,) = clock.check(image, 1_800_000_000 + 11 * 366 * 24 * 3600)
    assert "more than ten years after" in late
    assert "timedatectl" in late


def test_certificates_begin_with_the_image(image: Layout) -> None:
    os.utime(image.clock_epoch, (1_700_000_000, 1_700_000_000))
    pki.make_ca(image)
    pki.make_certificate(image, PUBLIC, "aio")
    for name in ("ca.pem", "server.pem"):
        said = subprocess.run(
            ["openssl", "x509", "-in", image.pki / name, "-noout", "-dates"],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip
        assert said == "notBefore=Nov 14 22:13:20 2023 GMT\nnotAfter=Nov 14 22:13:20 2043 GMT\n"
    # Valid by a clock that was put right afterwards: a day after the build.
    subprocess.run(
        ["openssl", "verify", "-x509_strict", "-attime", "1700086400", "-CAfile",
         image.pki / "ca.pem", image.pki / "server.pem"], check=True, capture_output=True,
    )  # fmt: skip
    assert list((image.run / "pki").iterdir()) == []


def test_a_static_address() -> None:
    asked = Network("192.0.2.2/24", "192.0.2.1", True, ("192.0.2.53", "2001:db8::53"), ("a.test",))
    assert network.render(Config(public_interface="ens4", network=asked)) == (
        "# Written by aio from /etc/aio/config.yaml.\n"
        "[Match]\nName=ens4\n\n"
        "[Network]\nDHCP=no\nAddress=192.0.2.2/24\nGateway=192.0.2.1\n"
        "DNS=192.0.2.53\nDNS=2001:db8::53\nDomains=a.test\n\n"
        "[DHCPv4]\nUseDNS=no\n\n[IPv6AcceptRA]\nUseDNS=no\n\n[DHCPv6]\nUseDNS=no\n"
    )


def test_no_default_route() -> None:
    text = network.render(Config(public_interface="ens4", network=Network(default_route=False)))
    assert "DHCP=yes" in text
    assert "[DHCPv4]\nUseGateway=no\n\n[IPv6AcceptRA]\nUseGateway=no" in text
    static = Network("192.0.2.2/24", "192.0.2.1", default_route=False)
    assert "Gateway=192" not in network.render(Config(public_interface="ens4", network=static))
    outside = Network("198.51.100.7/32", "192.0.2.1", nameservers=("192.0.2.53",))
    text = network.render(Config(public_interface="ens4", network=outside))
    assert text.endswith("\n[Route]\nGateway=192.0.2.1\nGatewayOnLink=yes\n")
    assert text.count("Gateway=") == 1


def test_which_interface_is_asked_only_where_there_are_several(tmp_path: Path) -> None:
    machine = Machine(tmp_path, tmp_path / "net")
    with pytest.raises(ApplianceProblem, match="no network card"):
        network.render(Config(network=Network()), machine)
    for name in ("ens3", "ens4"):
        (machine.net / name / "device").mkdir(parents=True)
        (machine.net / name / "type").write_text("1\n")
        if name == "ens3":
            assert "Name=ens3" in network.render(Config(network=Network()), machine)
    with pytest.raises(ApplianceProblem, match="There are ens3, ens4") as caught:
        network.render(Config(network=Network()), machine)
    assert "public_interface" in caught.value.hint


def test_the_file_comes_and_goes(image: Layout) -> None:
    text = network.render(Config(public_interface="ens4", network=Network()))
    assert network.write(image, text)
    assert not network.write(image, text)
    assert image.at(network.FILE).read_text() == text
    assert network.write(image, "")
    assert not image.at(network.FILE).exists()
    assert not network.write(image, "")


def test_a_proxy_is_not_for_what_is_here(image: Layout) -> None:
    asked = Proxy("http://u:p%40w@proxy.example.org:3128", None, ("example.net", "10.0.0.0/8"))
    found = proxy.variables(asked, PUBLIC, "aio", ["172.29.236.0/22"])
    assert found["https_proxy"] == found["http_proxy"] == asked.http
    never = found["no_proxy"].split(",")
    here = {"localhost", "127.0.0.1", "::1", "aio", "169.254.169.254", "192.0.2.10",
            "cloud.example.org", "198.51.100.2", "example.net", "10.0.0.0/8",
            "172.29.236.0/22"}  # fmt: skip
    assert here <= set(never)
    proxy.write(image, found)
    services = image.at(proxy.SERVICES)
    assert '"http_proxy=http://u:p%%40w@proxy.example.org:3128"' in services.read_text()
    for name in (proxy.SERVICES, proxy.APT, proxy.SHELLS):
        assert image.at(name).stat().st_mode & 0o777 == 0o600, "it has a password"
    shell = subprocess.run(
        ["sh", "-c", f". {image.at(proxy.SHELLS)}; echo $HTTPS_PROXY"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert shell.strip() == asked.http
    proxy.write(image, proxy.variables(None, PUBLIC, "aio", ()))
    assert not services.exists()
    assert not image.at(proxy.APT).exists()


def test_a_proxy_cannot_smuggle_anything_in() -> None:
    with pytest.raises(ApplianceProblem, match="http_proxy has a letter"):
        proxy.render({"http_proxy": 'http://p.example.org"; rm -rf /'})


def test_words_that_are_not_known_here(rows: Table) -> None:
    text = "user_variables:\n  nova_nva_conf_overrides: {}\n  nova_nova_conf_overrides: 3\n"
    words = {"nova_nva_conf_overrides": {}, "nova_nova_conf_overrides": 3}
    with pytest.raises(ApplianceProblem) as caught:
        overrides.render(Config(user_variables=words), rows, text)
    first, second = caught.value.details
    assert first.startswith("line 2: user_variables.nova_nva_conf_overrides: not known here")
    assert "did you mean nova_nova_conf_overrides?" in first
    assert "neutron_neutron_conf_overrides" in first
    assert second.startswith("line 3: user_variables.nova_nova_conf_overrides: must be a mapping")


@pytest.mark.parametrize(
    "sections",
    [{"a]\n[b": {}}, {"a": {"x = 1\ny": 2}}, {"a": {"x": "1\n[b]\ny = 2"}}, {"a": {"x": {"y": 1}}},
     {"a": 1}],
)  # fmt: skip
def test_words_say_no_more_than_they_seem_to(rows: Table, sections: object) -> None:
    with pytest.raises(ApplianceProblem):
        overrides.render(Config(user_variables={"nova_nova_conf_overrides": sections}), rows)


def test_how_instances_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case, why = hypervisor.Question(tmp_path / "kvm", tmp_path / "run").answer()
    assert (case, why) == ("qemu", "this machine offers no hardware virtualisation")
    (tmp_path / "kvm").touch()
    monkeypatch.setattr(hypervisor, "emulated", lambda: False)
    for status, errors, says in (
        (probe_guest.RAN, "", ""),
        (1, "qemu-system-x86_64: KVM internal error", "does not run: KVM internal error"),
        (137, "", "a guest hangs"),
    ):
        script = f"echo '{errors}' >&2; exit {status}"
        monkeypatch.setattr(probe_guest, "command", lambda *_, s=script: ["sh", "-c", s])
        case, why = hypervisor.Question(tmp_path / "kvm", tmp_path / "run").answer()
        assert case == ("qemu" if says else "kvm")
        assert says in why
    assert list((tmp_path / "run").iterdir()) == []


def test_an_emulated_machine_emulates_its_instances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kvm").touch()
    monkeypatch.setattr(probe_guest, "command", lambda *_: ["sh", "-c", f"exit {probe_guest.RAN}"])
    detect = tmp_path / "bin" / "systemd-detect-virt"
    detect.parent.mkdir()
    found = {}
    for kind in ("kvm", "qemu"):
        detect.write_text(f"#!/bin/sh\necho {kind}\n")
        detect.chmod(0o755)
        with monkeypatch.context() as patch:
            patch.setenv("PATH", str(detect.parent), prepend=os.pathsep)
            found[kind] = hypervisor.Question(tmp_path / "kvm", tmp_path / "run").answer()
    assert found["kvm"] == ("kvm", "")
    assert found["qemu"][0] == "qemu"
    assert "processor is emulated" in found["qemu"][1]


def test_waiting_for_an_address(image: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(0, 1000, 3))
    said: list[str] = []
    answers = [NoAddress("ens3", "DHCP has not answered")] * 30

    def find(*_: object) -> PublicHost:
        if answers:
            raise answers.pop()
        return PUBLIC

    monkeypatch.setattr(addresses, "find", find)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(time, "monotonic", lambda: float(next(times)))
    assert waiting.wait_for_address(image, Config(), said.append) == PUBLIC
    assert said[0].startswith("waiting for an address on ens3: DHCP has not answered. Connect it")
    assert "for 1 min" in said[-1]
    answers.extend([NoAddress("ens3", "DHCP has not answered")] * 30)
    with pytest.raises(NoAddress):
        waiting.wait_for_address(image, Config(), said.append, patience=10)


def test_waiting_ends_when_the_configuration_changes(
    image: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(*_: object) -> PublicHost:
        raise NoAddress("ens3", "DHCP has not answered")

    monkeypatch.setattr(addresses, "find", find)
    monkeypatch.setattr(
        time, "sleep", lambda _: image.config.write_text("public_address: 192.0.2.1\n")
    )
    with pytest.raises(waiting.ConfigChanged):
        waiting.wait_for_address(image, Config(), lambda _: None)


def test_a_full_disk_is_named(image: Layout) -> None:
    error = OSError(errno.ENOSPC, "No space left on device", str(image.pki / "ca.pem.aio-new"))
    problem = troubles.as_problem(error, image)
    assert problem.message.startswith("the file system /")
    assert "MiB free" in problem.message
    assert "larger disk" in problem.hint


def test_ssh_keys_are_made_where_there_are_none(image: Layout) -> None:
    folder = image.at("/etc/ssh")
    (folder / "ssh_host_ed25519_key").write_text("cloud-init's")
    (folder / "ssh_host_ed25519_key.pub").write_text("cloud-init's")
    ssh_keys.make(image)
    assert sorted(path.name for path in folder.iterdir()) == [
        "ssh_host_ecdsa_key", "ssh_host_ecdsa_key.pub",
        "ssh_host_ed25519_key", "ssh_host_ed25519_key.pub",
    ]  # fmt: skip
    assert (folder / "ssh_host_ed25519_key").read_text() == "cloud-init's"
    assert (folder / "ssh_host_ecdsa_key").stat().st_mode & 0o777 == 0o600
