"""What a build tells a container of the build host's Python index."""

from __future__ import annotations

import tomllib
from pathlib import Path

from aio_image.sources.python_index import host_index


def _files(folder: Path, *texts: str) -> list[Path]:
    made = []
    for number, text in enumerate(texts):
        path = folder / f"pip{number}.conf"
        path.write_text(text)
        made.append(path)
    return [*made, folder / "not-there.conf"]


def test_later_files_win_and_the_environment_wins_over_all(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text("certificates")
    files = _files(
        tmp_path,
        "[global]\nindex-url = https://one.example/simple\ntimeout = 9\nno-index = true\n",
        "[install]\nindex-url = https://two.example/simple\n",
    )
    found = host_index(files, {"PIP_CERT": str(bundle), "PIP_DEFAULT_TIMEOUT": "180"})
    assert found.settings == {"index-url": "https://two.example/simple", "timeout": "180"}
    assert found.certificates == bundle
    told = found.as_environment("/run/x.pem")
    assert told["UV_HTTP_TIMEOUT"] == "180"
    assert told["SSL_CERT_FILE"] == told["PIP_CERT"] == "/run/x.pem"
    assert "cert = /run/x.pem" in found.as_pip_conf("/run/x.pem").splitlines()


def test_folders_of_the_host_are_not_told(tmp_path: Path) -> None:
    text = (
        "[global]\nfind-links = /opt/w\n"
        "extra-index-url = file:///opt/a\n  https://b.example/simple\n  file:///opt/c\n"
    )
    found = host_index(_files(tmp_path, text), {})
    assert found.settings == {"extra-index-url": "https://b.example/simple"}
    found = host_index(_files(tmp_path, "[global]\nindex-url = file:///opt/a\n"), {})
    assert found.settings == {}


def test_a_broken_file_says_nothing(tmp_path: Path) -> None:
    assert host_index(_files(tmp_path, "index-url = x\n"), {}).settings == {}


def test_certificates_that_are_not_there_are_none(tmp_path: Path) -> None:
    found = host_index([], {"SSL_CERT_FILE": str(tmp_path / "none.pem")})
    assert found.certificates is None
    assert found.as_environment("/run/x.pem") == {}


def test_addresses_and_their_passwords_are_in_files_alone(tmp_path: Path) -> None:
    text = (
        "[global]\nindex-url = https://me:secret@one.example/simple\n"
        "extra-index-url = https://b.example/simple https://c.example/simple\n"
        "trusted-host = b.example c.example\nproxy = http://me:secret@proxy.example:3128\n"
    )
    found = host_index(_files(tmp_path, text), {})
    assert found.as_environment("/run/x.pem").keys() <= {
        "PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE",
    }  # fmt: skip
    uv = tomllib.loads(found.as_uv_toml())
    assert uv == {
        "http-proxy": "http://me:secret@proxy.example:3128",
        "https-proxy": "http://me:secret@proxy.example:3128",
        "allow-insecure-host": ["b.example", "c.example"],
        "index": [
            {"url": "https://b.example/simple"},
            {"url": "https://c.example/simple"},
            {"url": "https://me:secret@one.example/simple", "default": True},
        ],
    }
    assert "index-url = https://me:secret@one.example/simple" in found.as_pip_conf("")


def test_nothing_to_say_is_a_file_all_the_same() -> None:
    assert tomllib.loads(host_index([], {}).as_uv_toml()) == {}
