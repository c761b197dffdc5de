"""sources.list(5) in both forms, as apt itself would read it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from aio_image.sources.apt_sources import parse_deb822, parse_one_line, read_apt_sources

DEB822 = """\
# a comment
Types: deb deb-src
# another, inside
URIs: http://one.example/debian/ http://two.example/debian
Suites: trixie trixie-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb-src
URIs: http://sources.example/debian
Suites: trixie
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: trixie
Components: main

Types: deb
URIs: https://keyed.example/debian
Suites: trixie
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 xsFNBGPL0BUBEADmW5NdOOHwPIJlgPu6JDcKw/NZJPR8lsD3K87ZM08gzUjsCgbD
 -----END PGP PUBLIC KEY BLOCK-----
"""


def test_deb822() -> None:
    found = list(parse_deb822(DEB822, "debian.sources"))
    assert [(s.uri, s.suite) for s in found] == [
        ("http://one.example/debian", "trixie"),
        ("http://one.example/debian", "trixie-updates"),
        ("http://two.example/debian", "trixie"),
        ("http://two.example/debian", "trixie-updates"),
        ("https://keyed.example/debian", "trixie"),
    ]
    assert found[0].components == ("main", "contrib")
    assert found[0].signed_by == Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    assert found[0].origin == "debian.sources:2"
    assert found[-1].signed_by is None


def test_one_line() -> None:
    text = """\
# deb http://commented.example/debian trixie main
deb-src http://source.example/debian trixie main
  deb [arch=amd64 signed-by=/etc/apt/keyrings/k.gpg] file:/srv/debian/ trixie main contrib # why
deb http://plain.example/debian trixie main
deb cdrom:[Debian]/ trixie main
nonsense
"""
    first, second, third = parse_one_line(text, "sources.list")
    assert (first.uri, first.components) == ("file:/srv/debian", ("main", "contrib"))
    assert first.signed_by == Path("/etc/apt/keyrings/k.gpg")
    assert first.origin == "sources.list:3"
    assert (second.uri, second.signed_by) == ("http://plain.example/debian", None)
    assert third.uri.startswith("cdrom:")


def test_a_host_is_read_in_apts_order(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://first.example/debian trixie main\n")
    (parts / "b.sources").write_text(
        "Types: deb\nURIs: http://third.example/debian\nSuites: trixie\nComponents: main\n"
    )
    (parts / "a.list").write_text("deb http://second.example/debian trixie main\n")
    (parts / "c.list.save").write_text("deb http://never.example/debian trixie main\n")
    hosts = [source.uri.split("/")[2].split(".")[0] for source in read_apt_sources(tmp_path)]
    assert hosts == ["first", "second", "third"]


def test_no_sources_at_all(tmp_path: Path) -> None:
    assert read_apt_sources(tmp_path / "missing") == ()


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    for source in [*parse_one_line(text, "x"), *parse_deb822(text, "x")]:
        assert source.uri == source.uri.rstrip("/")
        assert not any(character.isspace() for character in source.suite)


_WORD = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1)


@given(
    st.lists(_WORD, min_size=1, max_size=3),
    st.lists(_WORD, min_size=1, max_size=3),
    st.lists(_WORD, min_size=1, max_size=3),
)
def test_both_forms_say_the_same(
    hosts: list[str], suites: list[str], components: list[str]
) -> None:
    uris = [f"http://{host}.example/debian" for host in hosts]
    stanza = (
        f"Types: deb\nURIs: {' '.join(uris)}\nSuites: {' '.join(suites)}\n"
        f"Components: {' '.join(components)}\n"
    )
    lines = "".join(
        f"deb {uri} {suite} {' '.join(components)}\n" for uri in uris for suite in suites
    )

    def essence(sources: object) -> list[tuple[str, str, tuple[str, ...]]]:
        return [(s.uri, s.suite, s.components) for s in sources]  # type: ignore[attr-defined]

    assert essence(parse_deb822(stanza, "x")) == essence(parse_one_line(lines, "x"))
