"""SCENARIO words: what OpenStack-Ansible would do with them, and what we refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aio_image.profile import ability
from aio_image.profile.scenario import expand, read_scenario, vocabulary

_ALWAYS = {"haproxy", "repo", "utility"}
_AIO = {
    "aio", "keystone", "rabbitmq", "galera", "memcached",
    "cinder", "glance", "neutron", "nova", "placement", "horizon",
}  # fmt: skip


# Expectations are bootstrap_host_scenarios_expanded of OpenStack-Ansible's
# tests/roles/bootstrap-host/vars/main.yml, plus the words that hold by default.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("aio_metal", _AIO | {"metal", "ovn", "source"}),
        ("aio_lxc", _AIO | {"lxc", "ovn", "source", "dir"}),
        (
            "aio_lxc_barbican_ceph_ovs",
            _AIO | {"lxc", "barbican", "ceph", "ovs", "source", "dir"},
        ),
        (
            "infra_lxc",
            {"infra", "lxc", "keystone", "rabbitmq", "galera", "memcached", "zookeeper"}
            | {"ovn", "source", "dir"},
        ),
        ("aio_metal_magnum", _AIO | {"metal", "magnum", "heat", "ovn", "source"}),
        ("aio_metal_magnum_capi", _AIO | {"metal", "magnum", "capi", "k8s", "ovn", "source"}),
        ("aio_metal_ironic", _AIO | {"metal", "ironic", "swift", "ovn", "source"}),
        (
            "aio_metal_telemetry",
            _AIO | {"metal", "telemetry", "aodh", "ceilometer", "gnocchi", "zookeeper"}
            | {"ovn", "source"},
        ),
        ("aio_distro_lxc_zfs", _AIO | {"lxc", "zfs", "distro", "ovn"}),
    ],
)  # fmt: skip
def test_words_expand_as_upstream(text: str, expected: set[str]) -> None:
    scenario, wrong = read_scenario(text, None)
    assert wrong == []
    assert scenario
    assert set(scenario.expanded) == expected | _ALWAYS


@pytest.mark.parametrize("first", ["dir", "overlayfs", "btrfs", "zfs", "lvm"])
@pytest.mark.parametrize("second", ["dir", "overlayfs", "btrfs", "zfs", "lvm"])
def test_stores_exclude_each_other(first: str, second: str) -> None:
    _, wrong = read_scenario(f"aio_lxc_{first}_{second}", None)
    if first == second:
        assert wrong == [f"word '{first}' is given twice"]
    else:
        assert wrong == [f"words '{first}', '{second}' exclude each other: keep one"]


def test_a_store_needs_containers() -> None:
    _, wrong = read_scenario("aio_metal_zfs", None)
    assert wrong == ["word 'zfs' means something only with 'lxc', not 'metal'"]


def test_openbao_is_refused_with_its_reason() -> None:
    _, wrong = read_scenario("aio_metal_openbao", None)
    assert len(wrong) == 1
    assert "loses its state on every reboot" in wrong[0]


@pytest.mark.parametrize(
    ("word", "nearest"),
    [("barbicann", "barbican"), ("Nova", "nova"), ("keyston", "keystone"), ("metall", "metal")],
)
def test_unknown_words_name_the_nearest(word: str, nearest: str) -> None:
    _, wrong = read_scenario(f"aio_metal_{word}", None)
    assert wrong == [f"unknown word '{word}', did you mean '{nearest}'?"]


@given(st.text(max_size=80))
def test_any_text_is_a_scenario_or_has_a_reason(text: str) -> None:
    scenario, wrong = read_scenario(text, ability.of("debian"))
    assert (scenario is None) == bool(wrong)


@given(st.lists(st.sampled_from(sorted(vocabulary().words)), max_size=8, unique=True))
def test_any_words_are_judged(words: list[str]) -> None:
    scenario, wrong = read_scenario("_".join(words), None)
    assert (scenario is None) == bool(wrong)
    if scenario:
        assert set(words) <= set(scenario.expanded)
        assert set(expand(words)) == set(scenario.expanded)


def test_the_data_is_whole() -> None:
    known = vocabulary()
    for word in known.words.values():
        assert word.group in known.groups
        assert set(word.adds) <= known.words.keys()
        assert set(word.unless or {}) <= set(word.adds)
        assert word.means or word.group == "service"
    assert set(known.always) <= known.words.keys()
    debian = ability.of("debian")
    assert debian
    assert debian.words <= known.words.keys(), "the deployer speaks words nobody knows"
