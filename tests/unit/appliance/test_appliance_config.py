"""The configuration: every error at once, with its line, and nothing else ever raised."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from aio_image.appliance import config
from aio_image.appliance.config import Config, ConfigProblem
from aio_image.appliance.ledger import Secret

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
_tree = st.recursive(
    _text,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_text, inner, max_size=3)),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(config.KEYS), _tree))
def test_any_value_of_a_key_gives_a_config_or_a_problem(tree: dict[str, object]) -> None:
    try:
        config.parse(yaml.safe_dump(tree, allow_unicode=True).encode(), KNOWN)
    except ConfigProblem as problem:
        assert all(line.startswith(("line ", "is not")) for line in problem.details)


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
