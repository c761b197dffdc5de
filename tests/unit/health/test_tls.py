"""TLS as an appliance has it, and what is wrong with others; certificates made by openssl."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aio_image.health import identity
from aio_image.health.client import CheckFailed, Cloud
from aio_image.health.target import Target

from .conftest import Service

_CA = """\
[v3]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_LEAF = """\
[v3]
basicConstraints = critical, CA:FALSE
subjectAltName = {names}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@dataclass
class Authority:
    folder: Path

    def make(self, extensions: str = _CA) -> Path:
        (self.folder / "ca.cnf").write_text(f"[req]\ndistinguished_name = n\n[n]\n{extensions}")
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-keyout", self.folder / "ca.key", "-out", self.folder / "ca.pem", "-days", "2",
            "-subj", "/CN=test CA", "-config", self.folder / "ca.cnf", "-extensions", "v3",
        )  # fmt: skip
        return self.folder / "ca.pem"

    def leaf(self, names: str) -> Path:
        (self.folder / "leaf.cnf").write_text(_LEAF.format(names=names))
        openssl(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
            self.folder / "leaf.key", "-out", self.folder / "leaf.csr", "-subj", "/CN=leaf",
        )  # fmt: skip
        openssl(
            "x509", "-req", "-in", self.folder / "leaf.csr", "-CA", self.folder / "ca.pem",
            "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-days", "2", "-out",
            self.folder / "leaf.crt", "-extfile", self.folder / "leaf.cnf", "-extensions", "v3",
        )  # fmt: skip
        chain = self.folder / "leaf.pem"
        chain.write_text(
            (self.folder / "leaf.crt").read_text() + (self.folder / "leaf.key").read_text()
        )
        return chain


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    folder = tmp_path / "pki"
    folder.mkdir()
    return Authority(folder)


class Https:
    """Answers 200 on a port of 127.0.0.1 with the certificate ``chain``."""

    def __init__(self, chain: Path) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = int(self.server.server_address[1])
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def https() -> Iterator[dict[str, Https]]:
    started: dict[str, Https] = {}
    yield started
    for one in started.values():
        one.server.shutdown()
        one.server.server_close()


def cloud_at(target: Target, service: Service, ca: Path, https: Https) -> Cloud:
    service.answer = lambda _method, _path: (200, ca.read_text(), {})
    return Cloud(replace(target, ports={80: service.port, 5000: https.port}))


def test_a_good_certificate(
    target: Target, service: Service, authority: Authority, https: dict[str, Https]
) -> None:
    ca = authority.make()
    https["a"] = Https(authority.leaf("IP:127.0.0.1"))
    cloud = cloud_at(target, service, ca, https["a"])
    assert identity.trusted(cloud).startswith("TLSv1.3, valid until ")
    assert service.asked == ["GET /aio/ca.pem"]
    assert cloud.session.verify == str(target.ca)


def test_another_name(
    target: Target, service: Service, authority: Authority, https: dict[str, Https]
) -> None:
    ca = authority.make()
    https["a"] = Https(authority.leaf("DNS:aio-canary.invalid"))
    with pytest.raises(CheckFailed, match=r"IP address mismatch"):
        identity.trusted(cloud_at(target, service, ca, https["a"]))


def test_another_ca(
    target: Target, service: Service, authority: Authority, https: dict[str, Https], tmp_path: Path
) -> None:
    authority.make()
    https["a"] = Https(authority.leaf("IP:127.0.0.1"))
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other").make()
    with pytest.raises(CheckFailed, match=r"TLS at 127\.0\.0\.1"):
        identity.trusted(cloud_at(target, service, other, https["a"]))


def test_what_python_3_13_refuses_is_refused(
    target: Target, service: Service, authority: Authority, https: dict[str, Https]
) -> None:
    """A CA without a key usage satisfies openssl's default and no strict client."""
    ca = authority.make("[v3]\nbasicConstraints = critical, CA:TRUE\n")
    https["a"] = Https(authority.leaf("IP:127.0.0.1"))
    with pytest.raises(CheckFailed, match=r"TLS at 127\.0\.0\.1"):
        identity.trusted(cloud_at(target, service, ca, https["a"]))


def test_something_else_than_a_ca(target: Target, service: Service, authority: Authority) -> None:
    path = authority.folder / "page.html"
    path.write_text("<html>starting</html>")
    service.answer = lambda _method, _path: (200, path.read_text(), {})
    with pytest.raises(CheckFailed, match=r"/aio/ca\.pem is not a certificate"):
        identity.trusted(Cloud(target))
