"""What judges a seed never fails on what it judges, and knows right from wrong."""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_image.appliance.config import Config, Network
from aio_image.boot.seed import network, ssh_keys, user_data
from aio_image.boot.seed.known import Known
from aio_image.errors import UsageError

KNOWN = Known.of("debian", ["keystone", "nova"])
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDR3SVGOYlw/DMXC1uS75l7PN2hrFuoSwf9znkdkQPTe"
_text = st.text(max_size=20)
_words = st.sampled_from(
    ["version", "network", "config", "ethernets", "vlans", "ens3", "dhcp4", "addresses", "routes",
     "to", "via", "nameservers", "search", "match", "mtu", "type", "write_files", "path",
     "content", "encoding", "ssh_authorized_keys", "permissions", "defer"]
)  # fmt: skip
_values = st.one_of(
    _text, st.integers(), st.booleans(), st.none(), st.just(2),
    st.sampled_from(["192.0.2.10/24", "default", "/etc/aio/config.yaml", "gz+b64", "b64", KEY]),
)  # fmt: skip
_tree = st.recursive(
    _values,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(_words, _text), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.one_of(_text, _tree.map(yaml.safe_dump)))
def test_any_network_config_is_judged(text: str) -> None:
    assert all(line.startswith("net:") for line in network.wrong_with(text, "net"))


@settings(deadline=None)
@given(st.one_of(_text, _tree.map(yaml.safe_dump)))
def test_any_user_data_is_judged(text: str) -> None:
    for whole in (text, f"#cloud-config\n{text}"):
        _, wrong = user_data.read(whole, "user-data", KNOWN)
        assert all(line.startswith("user-data:") for line in wrong)


@settings(deadline=None)
@given(st.text(), st.binary(max_size=60))
def test_any_key_is_judged(text: str, blob: bytes) -> None:
    coded = base64.b64encode(blob).decode()
    for line in (text, f"ssh-ed25519 {coded}", f"ssh-ed25519 AAAA{coded} me"):
        if not ssh_keys.is_key(line):
            assert ssh_keys.told(line) == "not a key"


@pytest.mark.parametrize(
    ("line", "right"),
    [
        (KEY, True),
        (f'restrict,command="ls" {KEY} me@here', True),
        (KEY.replace("ed25519 ", "rsa "), False),
        (KEY[:-4], False),
        (f"{KEY}AAAA", False),
        ("ssh-ed25519 AAAA", False),
    ],
)
def test_a_key_is_what_it_claims(line: str, right: bool) -> None:
    assert ssh_keys.is_key(line) is right


def test_a_file_of_keys(tmp_path: Path) -> None:
    path = tmp_path / "authorized_keys"
    path.write_text(f"# mine\n{KEY}\n\n{KEY} two\n")
    assert ssh_keys.read_keys(path) == (KEY, f"{KEY} two")
    path.write_text("# nothing\n")
    with pytest.raises(UsageError, match="is not a public key"):
        ssh_keys.read_keys(path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("version: 2\n", "net:1: names no device"),
        ("ethernets: {}\n", "net:1: version: must be 2"),
        ("version: 2\nethernets:\n  a: {dhcp4: maybe}\n", "net:3: ethernets.a.dhcp4"),
        ("version: 2\nethernets: [a]\n", "net:2: ethernets: must be a mapping"),
        ("version: 2\nethernets: {a: {addresses: [192.0.2.1]}}\n", "192.0.2.10/24"),
        ("version: 2\nethernets: {a: {gateway4: 192.0.2.1/24}}\n", "ethernets.a.gateway4"),
        ("version: 2\nethernets: {a: {mtu: big}}\n", "whole number"),
        ("version: 2\nethernets: {a: {match: {macadress: b}}}\n", "did you mean 'macaddress'"),
        ("version: 2\nethernets: {a: {routes: [{via: 192.0.2.1}]}}\n", "has no `to`"),
        ("version: 2\nethernets: {a: {nameservers: {search: [b]}}}\n", "skips the whole device"),
        ("version: 1\nconfig: [{type: phsical}]\n", "config[0].type: must be one of"),
        ("version: 1\nconfig: {}\n", "must be a list"),
        ("- a\n", "must be a mapping"),
        ("a: [\n", "is not YAML"),
    ],
)
def test_a_wrong_network_config(text: str, says: str) -> None:
    assert any(says in line for line in network.wrong_with(text, "net"))


def test_right_network_configs() -> None:
    physical = "version: 1\nconfig: [{type: physical, name: ens3, subnets: [{type: dhcp}]}]\n"
    wrapped = "network: {version: 2, ethernets: {ens3: {dhcp4: true}}}\n"
    bond = "version: 2\nethernets: {a: {}}\nbonds: {b: {interfaces: [a], dhcp4: yes}}\n"
    for text in (physical, wrapped, bond, network.dhcp_of("52:54:00:00:00:01")):
        assert network.wrong_with(text, "net") == []


def test_without_an_interface_there_is_no_network_config() -> None:
    assert network.network_of(Config(network=Network("192.0.2.10/24", "192.0.2.1"))) == ""
    assert network.network_of(Config(public_interface="ens3")) == ""


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ({"content": "force: maybe"}, "line 1: force: 'maybe' is neither yes nor no"),
        ({"content": "", "permissions": "0644"}, "may be read by others"),
        ({"content": "", "defer": True}, "after the appliance has read it"),
        ({"content": "not base64", "encoding": "b64"}, "content is not b64"),
        ({"content": "eHh4eA==", "encoding": "gz+b64"}, "content is not gz+b64"),
        ({"content": "H4sI", "encoding": "gz+b64"}, "content is cut off"),
        ({"content": "", "encoding": "rot13"}, "encoding must be one of"),
        (
            {
                "content": base64.b64encode(gzip.compress(b"\nfqdn: -x-")).decode(),
                "encoding": "gzip+base64",
            },
            "line 2: fqdn",
        ),
    ],
)
def test_a_wrong_configuration_in_user_data(file: dict[str, object], says: str) -> None:
    entry = {"path": "/etc/aio/config.yaml", "permissions": "0600", **file}
    text = f"#cloud-config\n{yaml.safe_dump({'write_files': [entry]})}"
    _, wrong = user_data.read(text, "user-data", KNOWN)
    assert any(line.startswith("user-data:3: /etc/aio/config.yaml: ") for line in wrong)
    assert any(says in line for line in wrong)
