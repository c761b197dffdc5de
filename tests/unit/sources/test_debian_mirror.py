"""Choosing a mirror, against real HTTP servers on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aio_image.errors import EXIT_MIRROR, MirrorError
from aio_image.sources.apt_config import AptConfig, parse_apt_config
from aio_image.sources.debian_mirror import DebianMirror, choose_mirror, image_sources
from aio_image.systems import load


class _Quiet(SimpleHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012 - one list for a server's life, emptied by `server`

    def log_message(self, *_: object) -> None:
        self.asked.append(self.path)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    _Quiet.asked.clear()
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
    finally:
        httpd.shutdown()
        httpd.server_close()


def archive(
    folder: Path, suite: str, components: str = "main contrib", arch: str = "amd64"
) -> None:
    release = folder / "dists" / suite
    release.mkdir(parents=True)
    (release / "InRelease").write_text(
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nSuite: stable\n"
        f"Codename: {suite}\nArchitectures: all {arch} arm64\nComponents: {components}\n"
        "SHA256:\n 0 0 main/binary-amd64/Packages\n"
    )


def etc_apt(folder: Path, sources: str) -> Path:
    folder.mkdir()
    (folder / "sources.list").write_text(sources)
    return folder


def choose(etc: Path, named: str | None = None, config: AptConfig | None = None) -> DebianMirror:
    return choose_mirror("trixie", named, etc_apt=etc, config=config or AptConfig())


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    with server(folder) as url:
        yield folder, url


def test_the_hosts_own_mirror_with_its_updates_and_security(
    tmp_path: Path, served: tuple[Path, str]
) -> None:
    folder, url = served
    archive(folder / "debian", "trixie")
    archive(folder / "debian", "trixie-updates")
    archive(folder / "safe", "trixie-security", components="updates/main updates/contrib")
    etc = etc_apt(
        tmp_path / "apt",
        f"deb {url}/vendor ./\n"
        f"deb {url}/debian bookworm main\n"
        f"deb {url}/safe bookworm-security main\n",
    )
    mirror = choose(etc)
    assert [(a.uri, a.suites) for a in mirror.archives] == [
        (f"{url}/debian", ("trixie", "trixie-updates")),
        (f"{url}/safe", ("trixie-security",)),
    ]
    assert not any(path.startswith("/vendor") for path in _Quiet.asked)
    assert f"URIs: {url}/debian\nSuites: trixie trixie-updates\n" in mirror.as_sources()


def test_the_profiles_mirror_is_the_only_one_asked(
    tmp_path: Path, served: tuple[Path, str]
) -> None:
    folder, url = served
    archive(folder / "named", "trixie")
    archive(folder / "debian", "trixie")
    etc = etc_apt(tmp_path / "apt", f"deb {url}/debian trixie main\n")
    assert choose(etc, f"{url}/named/").uri == f"{url}/named"
    assert all(path.startswith("/named") for path in _Quiet.asked)


def test_a_second_mirror_where_the_first_lacks_the_release(
    tmp_path: Path, served: tuple[Path, str]
) -> None:
    folder, url = served
    archive(folder / "debian", "trixie")
    etc = etc_apt(tmp_path / "apt", f"deb {url}/old main main\ndeb {url}/debian bookworm main\n")
    assert choose(etc).uri == f"{url}/debian"


def test_a_mirror_list(tmp_path: Path, served: tuple[Path, str]) -> None:
    folder, url = served
    archive(folder / "debian", "trixie")
    listing = tmp_path / "list"
    listing.write_text(f"# near first\n{url}/gone priority:1\n{url}/debian/ priority:2\n")
    etc = etc_apt(tmp_path / "apt", f"deb mirror+file:{listing} bookworm main\n")
    assert choose(etc).uri == f"{url}/debian"


def test_a_folder_of_the_host(tmp_path: Path) -> None:
    archive(tmp_path / "debian", "trixie")
    etc = etc_apt(tmp_path / "apt", f"deb file:{tmp_path}/debian trixie main\n")
    mirror = choose(etc)
    assert mirror.uri == f"file:{tmp_path}/debian"
    assert mirror.is_local


def test_every_address_tried_is_named_with_what_was_wrong(
    tmp_path: Path, served: tuple[Path, str]
) -> None:
    folder, url = served
    portal = folder / "portal/dists/trixie"
    portal.mkdir(parents=True)
    (portal / "InRelease").write_text("<html>Please log in: to the network</html>")
    archive(folder / "partial", "trixie", components="contrib")
    archive(folder / "foreign", "trixie", arch="riscv64")
    dead = "http://127.0.0.1:9/debian"
    etc = etc_apt(
        tmp_path / "apt",
        "".join(
            f"deb {uri} trixie main\n"
            for uri in (
                f"{url}/none", f"{url}/portal", f"{url}/partial", f"{url}/foreign", dead,
                "ftp://f.example/debian",
            )
        ),
    )  # fmt: skip
    with pytest.raises(MirrorError) as caught:
        choose(etc)
    details = "\n".join(caught.value.details)
    assert f"{url}/none (from {etc}/sources.list:1): HTTP 404" in details
    assert f"{url}/portal (from {etc}/sources.list:2): its InRelease is not trixie's" in details
    assert "no component main" in details
    assert "no architecture amd64" in details
    assert f"{dead} (from {etc}/sources.list:5): no connection" in details
    assert "ftp: not a kind of mirror" in details
    assert caught.value.exit_code == EXIT_MIRROR
    assert "mirrors: {debian: URL}" in caught.value.hint


def test_no_source_at_all(tmp_path: Path) -> None:
    with pytest.raises(MirrorError) as caught:
        choose(tmp_path / "missing")
    assert "no Debian archive in" in caught.value.details[0]


def test_apts_proxy_is_used(tmp_path: Path, served: tuple[Path, str]) -> None:
    # To a proxy, a request carries the whole address: the server answers from its own folder.
    folder, url = served
    archive(folder / "http:/nowhere.invalid/debian", "trixie")
    etc = etc_apt(tmp_path / "apt", "deb http://nowhere.invalid/debian trixie main\n")
    with pytest.raises(MirrorError):
        choose(etc)
    config = AptConfig((("Acquire::http::Proxy", url),))
    assert choose(etc, config=config).uri == "http://nowhere.invalid/debian"


def test_proxies_by_host_and_scheme() -> None:
    config = parse_apt_config(
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::http::Proxy::near.example "DIRECT";\n'
        'Acquire::https::Verify-Peer "false";\n'
        'Acquire::http::Pipeline-Depth:: "5";\n'
        'APT::Periodic::Enable "1";\n'
        'Acquire::IndexTargets::deb::Packages::Optional "0";\n'
        'Acquire::Retries "3";\n'
    )
    through = {"http": "http://proxy.example:3128", "https": "http://proxy.example:3128"}
    assert config.proxies("http://far.example/debian") == through
    assert config.proxies("https://far.example/debian") == through
    assert config.proxies("http://near.example/debian") == {"http": "", "https": ""}
    assert config.as_apt_conf() == (
        'Acquire::http::Proxy "http://proxy.example:3128";\n'
        'Acquire::http::Proxy::near.example "DIRECT";\n'
        'Acquire::https::Verify-Peer "false";\n'
        'Acquire::http::Pipeline-Depth:: "5";\n'
        'Acquire::Retries "3";\n'
    )


def test_the_images_sources_are_its_own() -> None:
    assert image_sources("trixie") == (
        "Types: deb\nURIs: http://deb.debian.org/debian\nSuites: trixie trixie-updates\n"
        "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n"
        "Types: deb\nURIs: http://deb.debian.org/debian-security\nSuites: trixie-security\n"
        "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    )


def test_another_distributions_archive(tmp_path: Path, served: tuple[Path, str]) -> None:
    """Ubuntu's security updates lie in the archive itself; its key ring is its own."""
    folder, url = served
    for suite in ("noble", "noble-updates", "noble-security"):
        archive(folder / "ubuntu", suite, components="main universe")
    etc = etc_apt(tmp_path / "apt", f"deb {url}/debian bookworm main\n")
    mirror = choose_mirror(
        "noble", f"{url}/ubuntu", system=load("ubuntu"), etc_apt=etc, config=AptConfig()
    )
    assert [(a.uri, a.suites, a.components) for a in mirror.archives] == [
        (f"{url}/ubuntu", ("noble", "noble-updates"), ("main", "universe")),
        (f"{url}/ubuntu", ("noble-security",), ("main", "universe")),
    ]
    assert "Signed-By: /usr/share/keyrings/ubuntu-" in image_sources("noble", load("ubuntu"))


def test_where_the_host_has_none_of_a_distribution_it_is_asked_where_it_is_published(
    tmp_path: Path, served: tuple[Path, str]
) -> None:
    folder, url = served
    published = load("ubuntu")
    away = replace(published, archive=replace(published.archive, main=f"{url}/published"))
    etc = etc_apt(tmp_path / "apt", f"deb {url}/debian bookworm main\n")
    with pytest.raises(MirrorError) as caught:
        choose_mirror("noble", system=away, etc_apt=etc, config=AptConfig())
    assert caught.value.message == "no Ubuntu mirror serves noble (main, universe, amd64)"
    assert caught.value.details[1].startswith(f"{url}/published (from where Ubuntu is published): ")
    assert "mirrors: {ubuntu: URL}" in caught.value.hint
    archive(folder / "published", "noble", components="main universe")
    found = choose_mirror("noble", system=away, etc_apt=etc, config=AptConfig())
    assert (found.uri, found.origin) == (f"{url}/published", "where Ubuntu is published")
