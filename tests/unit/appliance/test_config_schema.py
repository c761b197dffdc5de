"""The JSON Schema: the committed copy (`aio-image seed --schema`) is the table's, and judges files
as the reader does.

To accept a change on purpose: AIO_ACCEPT=1 pytest tests/unit/appliance/test_config_schema.py
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_image.appliance.config import ConfigProblem, parse
from aio_image.appliance.config.keys import SECTION, TABLE
from aio_image.appliance.ledger import Secret
from aio_image.boot.seed.known import Known
from aio_image.boot.seed.schema import json_schema
from aio_image.deployers import load as load_deployer

DOCS = Path(__file__).parents[3] / "docs"
NAME = "keystone_auth_admin_password"
KNOWN = {name: Secret(name, 40, (), (), ()) for name in (NAME, "nova_service_password")}
SCHEMA = jsonschema.Draft202012Validator(json_schema())
# Values a key takes, and values it does not, for reasons a schema can know.
VALUES: Mapping[str, tuple[list[Any], list[Any]]] = {
    "public_address": (["192.0.2.10", "2001:db8::1", None], ["a.example", "192.0.2.0/24", [], "1"]),
    "fqdn": (["cloud.example.org", "Cloud", "a-b.c", None], ["-a", "a_b", "a b", "a..b", {}]),
    "public_interface": (["ens3", "eth0.5", "br-ex", None], ["a b", "x" * 16, "a/b", ["ens3"]]),
    "network.address": (["dhcp", "192.0.2.10/24", "2001:db8::9/64", None], ["192.0.2.1", "DHCP"]),
    "network.gateway": (["192.0.2.1", None], ["gw", "192.0.2.1/24", []]),
    "network.default_route": ([True, False, "yes", "no", "Off", None], ["maybe", 1, []]),
    "network.nameservers": ([["192.0.2.53"], "192.0.2.53", [], None], [["dns"], [["192.0.2.53"]]]),
    "network.search": ([["example.org", "a.example"], "a", None], [["a b"], {"a": "b"}, [None]]),
    "proxy.http": (["http://a.example:8", "http://p.example/", None], ["p:3128", "http://u:p@h.example"]),
    "proxy.https": (["https://192.0.2.3", "http://p.example:1", None], ["ftp://a.example", []]),
    "proxy.without": ([".a.example", ["10.0.0.0/8", "*.b", "localhost"], None], ["a b", ["-"]]),
    "data_disk.device": (["/dev/sdb", "sdb", "/dev/disk/by-id/x_1:2"], ["/", "", "a b", None, []]),
    "data_disk.filesystem": (["ext4", "xfs", None], ["btrfs", "XFS", 4]),
    "data_disk.wipe": ([True, "yes", None], ["please", "sdb"]),
    "storage.cinder": (["40G", "1T", "2 Ti", "8Gi", None], ["40", 40, "40GB", "4M", "1.5T"]),
    "storage.nova": (["1G", None], ["G", "-1G"]),
    "storage.swift": (["64T", None], ["ten", []]),
    "secrets": (
        [{NAME: "a" * 8}, {NAME: 12345678}, {NAME: {"file": "/a"}}, {NAME: None}, {}, None],
        [{NAME: "short"}, {NAME: "with a blank"}, {NAME: "a" * 73}, {NAME: {}}, {NAME: ["a" * 8]},
         {NAME: {"file": "a"}}, {NAME: {"path": "/a"}}, {"a b": "a" * 8}, "a" * 8, 1234],
    ),
    "user_variables": (
        [{"a": 1, "b_c": [{"x": None}]}, {"A9": "no"}, {}, None],
        [{"a-b": 1}, {"9a": 1}, ["a"], "a=b"],
    ),
    "bootstrap_opts": (
        ["bootstrap_host_public_interface=ens3", "bootstrap_host_scenario=a_b  mgmt_network=x",
         "bootstrap_host_data_disk_device=sdb", "", None],
        ["bootstrap_host_data_disk_devise=sdb", "mgmt_network", "a=b", ["mgmt_network=a"]],
    ),
    "force": ([True, "no", None], ["forced", {}]),
}  # fmt: skip


def by_reader(value: Any) -> bool:
    try:
        parse(yaml.safe_dump(value).encode(), KNOWN)
    except ConfigProblem:
        return False
    return True


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in flat.items():
        section, dot, last = key.partition(".")
        if dot:
            found.setdefault(section, {})[last] = value
        else:
            found[key] = value
    return found


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """Some keys, each right or wrong, and sometimes one that nobody knows."""
    flat: dict[str, Any] = {}
    for key, (right, wrong) in VALUES.items():
        if draw(st.sampled_from([True, False, False])):
            flat[key] = draw(st.sampled_from(wrong if draw(st.integers(0, 9)) == 0 else right))
    if draw(st.integers(0, 9)) == 0:
        flat[draw(st.sampled_from(["fdqn", "network.dns", "data_disk.size"]))] = "x"
    return nested(flat)


# What only arithmetic knows, or two keys that say the same thing differently.
_BEYOND = re.compile(r"is not (in|of the same kind)|contradicts (public_interface|data_disk)")


@settings(deadline=None, max_examples=400)
@given(files())
def test_reader_and_schema_agree(tree: dict[str, Any]) -> None:
    try:
        parse(yaml.safe_dump(tree).encode(), KNOWN)
        problems: tuple[str, ...] = ()
    except ConfigProblem as problem:
        problems = problem.details
    if not all(_BEYOND.search(line) for line in problems) or not problems:
        assert SCHEMA.is_valid(tree) == (not problems), problems


# What has to stand beside a key for it to be right.
_DISK = {"data_disk.device": "sdb"}
_PROXY = {"proxy.http": "http://p.example"}
_BESIDE: Mapping[str, dict[str, Any]] = {
    "network.gateway": {"network.address": "192.0.2.9/24"},
    "network.address": {"network.default_route": "no"},
    "data_disk.filesystem": _DISK,
    "data_disk.wipe": _DISK,
    "proxy.http": {"proxy.https": "http://p.example"},
    "proxy.https": _PROXY,
    "proxy.without": _PROXY,
}


@pytest.mark.parametrize("key", VALUES)
def test_each_value(key: str) -> None:
    for right, values in zip((True, False), VALUES[key], strict=True):
        for value in values:
            alone = right and key == "network.gateway" and value is None
            tree = nested({key: value} if alone else {**_BESIDE.get(key, {}), key: value})
            assert (by_reader(tree), SCHEMA.is_valid(tree)) == (right, right), tree


def test_every_key_has_values() -> None:
    assert set(VALUES) == {key.name for key in TABLE if key.kind != SECTION}


@pytest.mark.parametrize("deployer", ["debian", "openstack-ansible"])
@pytest.mark.parametrize("key", [key for key in TABLE if key.example], ids=lambda key: key.name)
def test_the_examples_of_the_table_are_right(key: Any, deployer: str) -> None:
    tree = nested({**_BESIDE.get(key.name, {}), key.name: yaml.safe_load(key.example)})
    Known.of(deployer, [one.name for one in load_deployer(deployer).services]).read(
        yaml.safe_dump(tree).encode()
    )
    SCHEMA.validate(tree)


def test_the_committed_copy_is_in_step() -> None:
    path = DOCS / "config.schema.json"
    if os.environ.get("AIO_ACCEPT"):
        path.write_text(json.dumps(json_schema(), indent=2) + "\n")
    assert json.loads(path.read_text()) == json_schema()


def test_the_page_lists_every_key_as_the_table_has_it() -> None:
    rows = [
        f"| `{key.name}` | {key.says} | {key.without} | "
        + (f"`{key.example}` |" if key.example else "|")
        for key in TABLE
    ]
    path = DOCS / "config.md"
    text = path.read_text()
    head, rest = text.split("|---|---|---|---|\n", 1)
    listed, after = rest.split("\n\n", 1)
    if os.environ.get("AIO_ACCEPT"):
        listed = "\n".join(rows)
        path.write_text(f"{head}|---|---|---|---|\n{listed}\n\n{after}")
    assert listed.splitlines() == rows


def test_the_errors_on_the_page_are_what_is_said() -> None:
    wrong, said = re.findall(
        r"^```(?:yaml)?\n(.*?)^```$", (DOCS / "config.md").read_text(), re.M | re.S
    )[-2:]
    with pytest.raises(ConfigProblem) as caught:
        parse(wrong.encode(), KNOWN)
    assert said.splitlines() == list(caught.value.details)


def test_the_file_on_the_page_is_right() -> None:
    (text,) = re.findall(
        r"^```yaml\n(# yaml-lang.*?)^```$", (DOCS / "config.md").read_text(), re.M | re.S
    )
    assert parse(text.encode(), KNOWN).fqdn == "cloud.example.org"
    SCHEMA.validate(yaml.safe_load(text))
