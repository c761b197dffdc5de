"""The words of user_variables where OpenStack-Ansible's playbooks are run: what becomes of each."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aio_image import deployers
from aio_image.appliance import notices, overrides, personalise, table, user_variables
from aio_image.appliance.config import Config
from aio_image.appliance.deploying.orders import Done, note
from aio_image.appliance.layout import Layout
from aio_image.appliance.problems import ApplianceProblem
from aio_image.appliance.status import Reporter
from aio_image.appliance.table import Table
from aio_image.boot.seed.known import Known

FACTS = deployers.load("openstack-ansible")
SERVICES = [service.name for service in FACTS.services]
ROWS = table.of(FACTS.settle_of(SERVICES))
FILE = "/etc/openstack_deploy/user_zzy_aio_config.yml"
IMAGE = "/etc/openstack_deploy/user_zz_aio_image.yml"
DROP_IN = "/etc/nova/nova.conf.d/90-aio-user.conf"
NOVA = {"DEFAULT": {"cpu_allocation_ratio": 4.0}}
WORDS = {"nova_nova_conf_overrides": NOVA, "haproxy_hatop_install": True}
BASE = "public_address: 192.0.2.10\nfqdn: cloud.example.org\n"


@pytest.fixture
def osa(image: Layout) -> Layout:
    """The small image with the tables of OpenStack-Ansible, deployed."""
    settle = FACTS.settle_of(SERVICES)
    # The test's machine is smaller than that of a cloud.
    settle["resources"]["minimum"] = {"cpus": 1, "memory": 1, "free": 1}
    image.settle.write_text(json.dumps(settle))
    image.services.write_text(json.dumps(FACTS.dump(SERVICES)))
    image.at(IMAGE).parent.mkdir(mode=0o700)
    image.at(IMAGE).write_text(
        "debug: false\nnova_nova_conf_overrides: {DEFAULT: {graceful_shutdown_timeout: 15}}\n"
    )
    return image


def ask(image: Layout, words: dict[str, Any] | None) -> None:
    more = yaml.safe_dump({"user_variables": words}) if words is not None else ""
    image.config.write_text(BASE + more)


def boot(image: Layout) -> list[str]:
    """A new boot. The stages that ran."""
    (image.run / "warnings.json").unlink(missing_ok=True)
    work = personalise.run(image, Reporter(image))
    assert work is not None
    return work.ran


def said(image: Layout) -> list[str]:
    return [one for one in notices.every(image) if one.startswith("user_variables: ")]


def test_words_go_into_the_playbooks_file_and_drop_ins(
    osa: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(osa, WORDS)
    boot(osa)
    assert osa.at(FILE).read_text() == (
        "# Written by aio from user_variables of /etc/aio/config.yaml, anew when that changes.\n"
        "---\n"
        "haproxy_hatop_install: true\n"
        "nova_nova_conf_overrides:\n"
        "  DEFAULT:\n"
        "    graceful_shutdown_timeout: 15\n"
        "    cpu_allocation_ratio: 4.0\n"
    )
    assert osa.at(FILE).stat().st_mode & 0o777 == 0o600
    assert osa.at(DROP_IN).read_text().endswith("[DEFAULT]\ncpu_allocation_ratio = 4.0\n")
    (told,) = said(osa)
    assert "have yet to carry out haproxy_hatop_install: " in told
    assert "openstack-ansible openstack.osa.setup_openstack" in told
    assert capsys.readouterr().out.count(f"warning: {told}\n") == 1


def test_what_is_told_is_told_in_one_boot(osa: Layout) -> None:
    ask(osa, WORDS)
    boot(osa)
    work = personalise.settle(osa, Reporter(osa))  # as when its address changes meanwhile
    assert (work.ran, work.once) == ([], [])
    assert len(said(osa)) == 1
    assert boot(osa) == []
    assert said(osa) == []


def test_what_is_not_asked_for_any_more_goes(osa: Layout) -> None:
    ask(osa, WORDS)
    boot(osa)
    ask(osa, None)
    assert boot(osa) == ["variables", "overrides"]
    assert not osa.at(FILE).exists()
    assert not osa.at(DROP_IN).exists()
    (told,) = said(osa)
    assert "what is said no more of haproxy_hatop_install and nova_nova_conf_overrides " in told


def test_a_broken_file_changes_nothing_later(osa: Layout) -> None:
    ask(osa, WORDS)
    boot(osa)
    before = osa.at(FILE).read_bytes()
    ask(osa, {"nova_nova_conf_overrides": 3, "debug": True})
    assert boot(osa) == []
    assert osa.at(FILE).read_bytes() == before
    told = "; ".join(notices.every(osa))
    assert "line 5: user_variables.nova_nova_conf_overrides: must be a mapping" in told


def test_before_a_staged_image_is_deployed_the_file_is_there_alone(osa: Layout) -> None:
    """Its playbooks make /etc/nova, and carry out all words."""
    steps = [{"name": "one", "script": "one"}, {"name": "two", "script": "two"}]
    orders = {"format": 1, "folder": "", "wrapper": "", "runner": "", "environment": {},
              "variables": {}, "steps": steps}  # fmt: skip
    osa.orders.write_text(json.dumps(orders))
    ask(osa, WORDS)
    assert "variables" in boot(osa)
    assert yaml.safe_load(osa.at(FILE).read_text())["haproxy_hatop_install"] is True
    assert not osa.at(DROP_IN).parent.exists()
    assert said(osa) == []
    done = [Done("one", 0, 0, 0.0)]
    note(osa, done)
    ask(osa, {**WORDS, "debug": True})
    assert boot(osa) == ["variables"]
    assert len(said(osa)) == 1, "a playbook that is over has not seen it"
    note(osa, [*done, Done("two", 0, 0, 0.0)])
    assert "overrides" in boot(osa)
    assert osa.at(DROP_IN).exists()
    assert said(osa) == []


def test_a_variable_file_of_the_image_that_is_damaged_is_named(osa: Layout) -> None:
    osa.at(IMAGE).write_text("nova: [a-value\n")
    ask(osa, WORDS)
    with pytest.raises(ApplianceProblem, match=r"user_zz_aio_image\.yml: is no YAML") as caught:
        boot(osa)
    assert "a-value" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "value",
    [
        "{{ nova_of_mine }}",
        {"DEFAULT": {"host": "{{ inventory_hostname }}"}},
        {"{{ section }}": {"x": 1}},
        {"DEFAULT": {"x": ["a", "{% if y %}b{% endif %}"]}},
        {"pci": {"alias": {"one": None, "two": None}}},
        {"DEFAULT": {"x": None}},
        {"DEFAULT": {"x": [None]}},
    ],
)
def test_what_only_playbooks_can_spell_is_left_to_them(value: Any) -> None:
    words = {"nova_nova_conf_overrides": value}
    assert overrides.render(Config(user_variables=words), ROWS) == {}
    (told,) = user_variables.notices_of(ROWS, {}, words)
    assert "nova_nova_conf_overrides" in told


def test_bad_values_are_refused_all_at_once() -> None:
    text = (
        "user_variables:\n"
        "  anything_of_theirs: {a: [1, {b: c}]}\n"
        "  external_lb_vip_address: 192.0.2.1\n"
        "  nova_nova_conf_overrides: {DEFAULT: }\n"
        "  cinder_cinder_conf_overrides: {lvm: {x: {y: 1}}}\n"
        "  glance_glance_api_conf_overrides:\n"
    )
    with pytest.raises(ApplianceProblem) as caught:
        Known.of("openstack-ansible", SERVICES).read(text.encode())
    assert [one.partition(": ")[0] for one in caught.value.details] == [
        "line 3", "line 4", "line 5", "line 6",
    ]  # fmt: skip
    assert caught.value.details[0] == (
        "line 3: user_variables.external_lb_vip_address: is the appliance's own;"
        " say it by fqdn or public_address"
    )


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 2, "b": None}, ["have yet to carry out a and b: "]),
        ({"a": 1}, {}, ["what is said no more of a stays"]),
        ({}, {"nova_nova_conf_overrides": NOVA}, []),
        ({}, {"neutron_neutron_conf_overrides": NOVA}, ["to carry out neutron_neutron_conf_over"]),
        (
            {"nova_nova_conf_overrides": {"DEFAULT": {"x": 1, "y": 2}}},
            {"nova_nova_conf_overrides": {"DEFAULT": {"x": 3}}},
            ["said no more of nova_nova_conf_overrides stays where playbooks have written it"],
        ),
    ],
)  # fmt: skip
def test_what_is_told(before: dict[str, Any], after: dict[str, Any], named: list[str]) -> None:
    told = user_variables.notices_of(ROWS, before, after)
    assert len(told) == len(named)
    assert all(name in one for name, one in zip(named, told, strict=True))


def test_a_notice_names_a_dozen_and_counts_the_rest() -> None:
    (told,) = user_variables.notices_of(ROWS, {}, {f"w{one:02}": "a-secret" for one in range(15)})
    assert "w10, w11 and 3 more: openstack-ansible " in told
    assert "a-secret" not in told


def test_without_playbooks_there_are_neither(image: Layout) -> None:
    """Debian's packages: an unknown word stays refused, and nothing waits for anybody."""
    rows: Table = table.load(image.settle)
    assert rows.variables is None
    assert user_variables.notices_of(rows, {}, {"debug": True}) == []
    ask(image, {"nova_nova_conf_overrides": NOVA})
    assert "variables" not in boot(image)
    assert not image.at(FILE).exists()
    assert image.at(DROP_IN).exists()


_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*", fullmatch=True), _VALUES))
def test_the_file_says_what_was_asked(words: dict[str, Any]) -> None:
    assert yaml.safe_load(user_variables.render(words, {})) == words


@given(st.dictionaries(st.text(), _VALUES), st.dictionaries(st.text(), _VALUES))
def test_the_owners_word_wins_over_the_images(own: dict[str, Any], image: dict[str, Any]) -> None:
    said = yaml.safe_load(user_variables.render({"a_overrides": own, "b": own},
                                                {"a_overrides": image, "b": image}))  # fmt: skip
    assert said["b"] == own
    assert said["a_overrides"].keys() == {*own, *image}
    for key, value in own.items():
        if not isinstance(value, dict):
            assert said["a_overrides"][key] == value
