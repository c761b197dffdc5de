"""The configuration: every error at once, with its line, and nothing else ever raised."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_image.appliance import config
from aio_image.appliance.config import (
    Config,
    ConfigProblem,
    DataDisk,
    Network,
    Proxy,
    Storage,
    bootstrap,
)
from aio_image.appliance.config.keys import BY_NAME, SECTION, TABLE, inside
from aio_image.appliance.ledger import Secret

_SECTIONS = [key.name for key in TABLE if key.kind == SECTION]
KNOWN = {
    name: Secret(name, 40, (), (), ())
    for name in ("keystone_auth_admin_password", "nova_service_password")
}


def problems(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigProblem) as caught:
        config.parse(text.encode(), KNOWN)
    return caught.value.details


@pytest.mark.parametrize("text", ["", "---\n", "# nothing\n", "secrets:\n", "~"])
def test_nothing_asked(text: str) -> None:
    assert config.parse(text.encode(), KNOWN) == Config()


def test_everything_asked() -> None:
    text = (
        "public_address: 192.0.2.10\nfqdn: Cloud.example.org\npublic_interface: ens3\n"
        "secrets:\n  keystone_auth_admin_password: 12345678\n"
    )
    found = config.parse(text.encode(), KNOWN)
    assert (found.public_address, found.fqdn) == ("192.0.2.10", "Cloud.example.org")
    assert found.public_interface == "ens3"
    chosen = found.secrets["keystone_auth_admin_password"]
    assert chosen.value == "12345678"  # digits, and still text
    assert text.encode()[slice(*chosen.span)] == b"12345678"


def test_every_key() -> None:
    text = """\
        network:
          address: 192.0.2.10/24
          gateway: 192.0.2.1
          nameservers: [192.0.2.53, "2001:DB8::53"]
          search: example.org
        proxy: {https: "http://proxy.example.org:3128/", without: [.example.org, 10.0.0.0/8]}
        data_disk: {device: sdb, filesystem: xfs, wipe: Yes}
        storage: {cinder: 40G, nova: 1T}
        user_variables: {day: 2026-01-01, mode: 0644, "on": [~, 1.5, "yes", yes]}
        force: on
    """
    assert config.parse(text.encode(), KNOWN) == Config(
        network=Network(
            "192.0.2.10/24", "192.0.2.1", True, ("192.0.2.53", "2001:db8::53"), ("example.org",)
        ),
        proxy=Proxy(None, "http://proxy.example.org:3128", (".example.org", "10.0.0.0/8")),
        data_disk=DataDisk("/dev/sdb", "xfs", True),
        storage=Storage(40 << 30, 1 << 40),
        user_variables={"day": "2026-01-01", "mode": 420, "on": [None, 1.5, "yes", True]},
        force=True,
    )


def test_bootstrap_options() -> None:
    text = (
        b"public_interface: eth1\n"
        b"bootstrap_opts: >-\n"
        b"  bootstrap_host_data_disk_device=sdb bootstrap_host_data_disk_fs_type=xfs\n"
        b"  bootstrap_host_public_interface=eth1 bootstrap_host_loopback_cinder_size=40\n"
        b"  bootstrap_host_public_address=192.0.2.10 bootstrap_host_loopback_zfs=false\n"
    )
    found = config.parse(text, KNOWN)
    assert found == Config(
        public_address="192.0.2.10",
        public_interface="eth1",
        data_disk=DataDisk("/dev/sdb", "xfs", False),
        storage=Storage(cinder=40 << 30),
        notes=found.notes,
    )
    (note,) = found.notes
    assert "bootstrap_host_loopback_zfs means nothing here" in note


def test_every_problem_at_once_with_its_line() -> None:
    found = problems(
        "public_adress: 192.0.2.10\n"
        "fqdn: -bad-\n"
        "fqdn: good.example.org\n"
        "public_address: cloud.example.org\n"
        "secrets:\n"
        "  keystone_auth_admin_pasword: longenough\n"
        "  nova_service_password: short\n"
    )
    assert [line.split(":")[0] for line in found] == [
        "line 1", "line 2", "line 3", "line 4", "line 6", "line 7",
    ]  # fmt: skip
    assert "did you mean public_address?" in found[0]
    assert "first on line 2" in found[2]
    assert "a name belongs in fqdn" in found[3]
    assert "did you mean keystone_auth_admin_password?" in found[4]


def test_a_wrong_secret_is_never_repeated() -> None:
    (found,) = problems("secrets:\n  nova_service_password: 'hunter2 with blanks'\n")
    assert "hunter2" not in found


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("public_address: 192.0.2.10/24", "prefix length"),
        ("public_address: 0.0.0.0", "nobody's own"),
        ("public_address: [192.0.2.10]", "one word"),
        ("- a\n- b\n", "mapping"),
        ("fqdn: 'a\n", "not YAML"),
        ("fqdn: a\n\tb: c", "not YAML"),
        ("fqdn: \x00", "not YAML"),
        ("? [a]\n: b\n", "not a word"),
        ("[" * 5000, "not"),
        ("network: {address: 192.0.2.0/24, default_route: no}", "its network's own address"),
        ("network: {address: 192.0.2.255/24, default_route: no}", "broadcast"),
        ("network: {address: 192.0.2.5/24, gateway: 192.0.2.5}", "the appliance's own"),
        ("network: {address: 192.0.2.5/24, gateway: '2001:db8::1'}", "same kind"),
        ("network: {address: 127.0.0.1/8, default_route: no}", "nobody's own"),
        ("network: {address: dhcp, gateway: 192.0.2.1}", "with DHCP"),
        ("network: {nameservers: [192.0.2.1, ]}\nproxy: {}", "names no proxy"),
        ("network: {nameservers: [192.0.2.1, ~]}", "empty entry"),
        ("storage: {cinder: 65T}", "between 1G and 64T"),
        ("proxy: {http: 'http://a.example:70000'}", "between 1 and 65535"),
        ("data_disk: {device: /dev/../etc}", "is not a disk"),
        ("keystone_auth_admin_password: x", "belongs under `secrets`"),
        ("device: /dev/sdb", "belongs under `data_disk`"),
        ("bootstrap_host_data_disk_device: sdb", "belongs in bootstrap_opts"),
        ("user_variables: {nova_service_password: x}", "move it to `secrets`"),
        ("user_variables: {a: &x [1], b: *x}", "aliases"),
        ("user_variables: &x {a: *x}", "aliases"),
        ("user_variables: {a: !vault x}", "has a tag"),
        ("user_variables: {a: .inf}", "number without end"),
        ("user_variables: {a: 1, a: 2}", "is there twice"),
        ("bootstrap_opts: bootstrap_host_data_disk_device", "not NAME=VALUE"),
        ("bootstrap_opts: mgmt_networc=a", "did you mean mgmt_network?"),
        ("bootstrap_opts: bootstrap_host_data_disk_device_detect=yes", "never guessed"),
        ("bootstrap_opts: mgmt_network=a mgmt_network=b", "two values"),
        (
            "data_disk: {device: sdc}\nbootstrap_opts: bootstrap_host_data_disk_device=sdb",
            "contradicts data_disk.device on line 1",
        ),
        ("secrets: {nova_service_password:hunter2hunter2}", "not a word"),
        ("secrets: {nova_service_password: *hunter2}", "begins an alias"),
        ("fqdn: 192.0.2.1", "not a host name"),
    ],
)
def test_what_is_wrong_is_said(text: str, word: str) -> None:
    assert word in " ".join(problems(text))


def test_not_text() -> None:
    with pytest.raises(ConfigProblem, match="line 2: is not UTF-8"):
        config.parse(b"# a\nfqdn: \xff\n", KNOWN)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_config_or_a_problem(data: bytes) -> None:
    try:
        found = config.parse(data, KNOWN)
    except ConfigProblem as problem:
        assert problem.details
    else:
        assert isinstance(found, Config)


_text = st.text(max_size=20)
_scalar = st.one_of(
    _text, st.none(), st.booleans(), st.integers(), st.floats(), st.dates(), st.binary(max_size=5)
)
_tree = st.recursive(
    _scalar,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(_text, _scalar), inner, max_size=3),
        *(st.dictionaries(st.sampled_from(inside(one)), inner) for one in _SECTIONS),
        st.dictionaries(st.sampled_from([*KNOWN, "file"]), inner),
    ),
    max_leaves=8,
)


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(st.sampled_from(config.KEYS), _tree))
def test_any_value_of_a_key_gives_a_config_or_a_problem(tree: dict[str, object]) -> None:
    try:
        config.parse(yaml.safe_dump(tree, allow_unicode=True).encode(), KNOWN)
    except ConfigProblem as problem:
        assert all(line.startswith(("line ", "is not")) for line in problem.details)
        assert all("\n" not in line for line in problem.details)


@settings(deadline=None)
@given(st.lists(st.one_of(st.sampled_from(bootstrap.words()), _text), max_size=4), st.data())
def test_any_words_of_bootstrap_opts(names: list[str], data: st.DataObject) -> None:
    values = st.one_of(_text, st.sampled_from(["sdb", "xfs", "40", "true", "192.0.2.1", "ens3"]))
    text = " ".join(f"{name}={data.draw(values)}" for name in names)
    found, wrong, notes = bootstrap.translate(text)
    assert set(found) <= set(BY_NAME)
    assert all(isinstance(line, str) for line in [*wrong, *notes])


_HELD = "correct.horse.battery"
_WHOLE = f"""\
public_interface: ens3
secrets:
  keystone_auth_admin_password: {_HELD}
  nova_service_password: {{file: /root/nova}}
network: {{address: dhcp, nameservers: [192.0.2.53]}}
user_variables: {{a: [1, two]}}
bootstrap_opts: bootstrap_host_public_interface=ens3
"""


@settings(deadline=None, max_examples=500)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(_WHOLE)),
            st.integers(0, 12),
            st.one_of(st.sampled_from(list("&*!|>%@`{}[],:#?-'\" \n\t")), st.text(max_size=3)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_no_slip_makes_an_error_tell_a_secret(edits: list[tuple[int, int, str]]) -> None:
    """Cut and paste anywhere but in the secret itself, as tired people do."""
    before, after = _WHOLE.split(_HELD)
    for at, cut, paste in edits:
        if at <= len(before):
            before = before[:at] + paste + before[at + cut :]
        else:
            place = at - len(before)
            after = after[:place] + paste + after[place + cut :]
    try:
        config.parse((before + _HELD + after).encode(errors="replace"), KNOWN)
    except ConfigProblem as problem:
        assert not any("horse" in line for line in (*problem.details, problem.message))


@settings(deadline=None)
@given(
    before=st.text(alphabet="äöü€𝄞 x", max_size=10),
    value=st.from_regex(r"[A-Za-z0-9._~-]{8,72}", fullmatch=True),
    style=st.sampled_from(["{}", "'{}'", '"{}"']),
)
def test_the_span_is_where_the_bytes_are(before: str, value: str, style: str) -> None:
    text = f"# {before}\nsecrets: {{nova_service_password: {style.format(value)} }}\n".encode()
    chosen = config.parse(text, KNOWN).secrets
    if not chosen:  # an unquoted ~ or null is no value
        return
    one = chosen["nova_service_password"]
    assert one.value == value
    start, end = one.span
    assert text[start:end].decode() == style.format(value)
    blanked = text[:start] + b" " * (end - start) + text[end:]
    assert config.parse(blanked, KNOWN) == Config()
