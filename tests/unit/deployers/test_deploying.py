"""Variables and secrets that OpenStack-Ansible is run with in a build."""

from __future__ import annotations

import uuid

from aio_image.bake.canary import canary
from aio_image.bake.osa.bootstrap import bootstrap_variables
from aio_image.bake.osa.runtime import kept_variables
from aio_image.bake.osa.sources import collection_requirements, gitconfig, role_requirements
from aio_image.deployers.openstack_ansible.deploying import deployment, secrets_of
from aio_image.sources.git.pins import LeftOut, Lock, Pin

_O = "https://opendev.org/openstack"
_LOCK = Lock(
    "openstack-ansible",
    "2026.1",
    "33.0.1",
    "aio_metal",
    (
        Pin("openstack-ansible", "deployer", f"{_O}/openstack-ansible", "x", "1" * 40, "33.0.1"),
        Pin("os_nova", "role", f"{_O}/openstack-ansible-os_nova", "x", "2" * 40),
        Pin("kubernetes.core", "collection", "https://github.com/a/k8s", "5.1.0", "3" * 40),
        Pin("nova", "service", f"{_O}/nova", "x", "4" * 40, "33.0.0", "head of stable/2026.1"),
        Pin("glance", "service", f"{_O}/glance", "5" * 40, "5" * 40, "32.0.0"),
        Pin("requirements", "requirements", f"{_O}/requirements", "6" * 40, "6" * 40),
    ),
    (LeftOut("frrouting", "role", f"{_O}/ansible-role-frrouting", "x"),),
)


def test_a_role_left_out_is_named_without_a_source() -> None:
    assert role_requirements(_LOCK) == [
        {
            "name": "os_nova",
            "scm": "git",
            "src": f"{_O}/openstack-ansible-os_nova",
            "version": "2" * 40,
        },
        {"name": "frrouting"},
    ]


def test_collections_come_from_git_dependencies_too() -> None:
    (row,) = collection_requirements(_LOCK)["collections"]
    assert row == {
        "name": "kubernetes.core",
        "source": "https://github.com/a/k8s",
        "type": "git",
        "version": "3" * 40,
    }


def test_every_git_host_of_the_lock_is_a_folder_of_the_image() -> None:
    text = gitconfig(_LOCK)
    assert '[url "file:///opt/aio/git/opendev.org/"]' in text
    assert "insteadOf = https://github.com/" in text


def test_only_services_that_are_not_at_their_pin_are_told() -> None:
    kept = kept_variables(_LOCK)
    assert kept["nova_git_install_branch"] == "4" * 40
    assert "glance_git_install_branch" not in kept
    assert kept["user_requirements_git_url"].endswith(f"constraints-{'6' * 40}.txt")
    assert kept["openstack_host_custom_hosts_records"] == ["172.29.236.102 aio-external"]


def test_the_public_address_is_a_name() -> None:
    overrides = bootstrap_variables()["openstack_user_config_overrides"]["global_overrides"]
    assert overrides == {"external_lb_vip_address": "aio-canary.invalid"}


def test_a_secret_is_a_canary_as_long_as_its_service_takes() -> None:
    names = ("nova_service_password", "barbican_simple_crypto_key", "swift_hash_path_prefix")
    found = secrets_of(names, canary, "0123456789abcdef")
    assert [len(found[name]) for name in names] == [40, 43, 32]
    assert all(value.startswith("aioCanary") for value in found.values())


def test_a_uuid_is_one_and_the_same_in_equal_bakes() -> None:
    one, other = (secrets_of(["designate_pool_uuid"], canary, bake) for bake in ("aa", "bb"))
    assert uuid.UUID(one["designate_pool_uuid"]).version == 4
    assert one == secrets_of(["designate_pool_uuid"], canary, "aa")
    assert one != other


def test_the_external_address_is_none_that_a_service_listens_on() -> None:
    table = deployment()
    assert len(set(table.addresses.values())) == len(table.addresses)
    assert table.kept["haproxy_bind_external_lb_vip_address"] == table.external_name
    assert table.bootstrap["bootstrap_host_public_address"] == table.addresses["host"]
