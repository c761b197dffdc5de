"""The tables of operating systems: whole, and in step with what deployers say they support."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from aio_image import systems
from aio_image.deployers.openstack_ansible.series import facts
from aio_image.paths import resource
from aio_image.profile.load import load_profile
from aio_image.profile.schema import Mirrors, System
from aio_image.systems import families

_ROOM = Path(systems.__file__).parent
# Supported by OpenStack-Ansible, and not here: no profile asks for them.
_NOT_HERE = {("ubuntu", "jammy"), ("ubuntu", "resolute"), ("centos", "9")}


@pytest.mark.parametrize("name", systems.names())
def test_a_table_is_whole(name: str) -> None:
    system = systems.load(name)
    assert set(system.mirrors) <= set(Mirrors.model_fields)
    assert system.mirrors[0] == name
    assert system.elements[-1] == "aio-root-tree"
    written = yaml.safe_load((_ROOM / f"{name}.yaml").read_text())["packages"]
    assert len(set(written)) == len(written), "a package is named twice"
    known = {"title", "family", "mirrors", "releases", "archive", "elements", "dib", "needs",
             "packages"}  # fmt: skip
    assert set(yaml.safe_load((_ROOM / f"{name}.yaml").read_text())) <= known


@pytest.mark.parametrize("name", systems.names())
def test_an_image_of_each_has_its_elements(name: str) -> None:
    elements = families.image_elements(systems.load(name).family)
    assert "aio-image-disk" in elements
    assert [element for element in elements if not (resource("elements") / element).is_dir()] == []


def test_profiles_may_name_exactly_these() -> None:
    allowed = System.model_json_schema()["properties"]["distribution"]["enum"]
    assert sorted(allowed) == list(systems.names())


def test_all_that_openstack_ansible_supports_is_here_or_known_not_to_be() -> None:
    for series in facts().series.values():
        for name, releases in series.systems.items():
            for release in releases:
                here = release in systems.load(name).releases
                assert here != ((name, release) in _NOT_HERE), (series.name, name, release)


@pytest.mark.parametrize(
    ("release", "series"),
    [
        ("latest", "2026.1"),
        ("2025.2", "2025.2"),
        ("stable/2025.1", "2025.1"),
        ("33.0.1", "2026.1"),
        ("33.0.0.0rc1", None),
        ("master", None),
        ("0123456789abcdef0123456789abcdef01234567", None),
    ],
)
def test_the_series_of_a_release_by_its_name(release: str, series: str | None) -> None:
    found = facts().series_named(release)
    assert (found.name if found else None) == series


def test_what_only_a_repository_can_tell_is_not_refused() -> None:
    settings = ["openstack_ansible.release=master"]
    assert load_profile("osa-aio-metal-rocky10", settings).setting("system.release") == "10"


def test_each_debian_has_one_kernel_and_it_reads_cds() -> None:
    """Of Debian 12 the cloud kernel has no AHCI, by which most machines show theirs."""
    debian = systems.load("debian")
    kernels = {
        release: [name for name in debian.packages_of(release) if name.startswith("linux-image")]
        for release in debian.releases
    }
    assert kernels == {
        "bookworm": ["linux-image-amd64"],
        "trixie": ["linux-image-cloud-amd64"],
    }


def test_packages_of_a_family_differ_by_name_only() -> None:
    """What one needs to boot and be reached, all do: the other has another name for it."""
    plain = {"ca-certificates", "chrony", "cloud-init", "curl", "e2fsprogs", "kmod", "less", "nano",
             "nftables", "python3", "sudo", "wget", "xfsprogs", "zstd"}  # fmt: skip
    for name in systems.names():
        assert plain <= set(systems.load(name).packages), name
