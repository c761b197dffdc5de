"""An HTTP server on this host that answers as a test scripts it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aio_image.health.client import Cloud, Token
from aio_image.health.target import Target

Answer = tuple[int, str, dict[str, str]]


@dataclass
class Service:
    """``answer`` gets method and path; ``asked`` is what was asked, in order."""

    url: str
    port: int
    answer: Callable[[str, str], Answer] = lambda _method, _path: (404, "", {})
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def service() -> Iterator[Service]:
    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found.asked.append(f"{self.command} {self.path}")
            status, text, headers = found.answer(self.command, self.path)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            body = text.encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _any

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port = server.server_address[1]
    found = Service(f"http://127.0.0.1:{port}", port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def target(service: Service, tmp_path: Path) -> Target:
    return Target(
        address="127.0.0.1",
        password="secret",
        folder=tmp_path,
        expected=(),
        ports={80: service.port},
        request=2.0,
        resource=1.0,
    )


@pytest.fixture
def cloud(service: Service, target: Target) -> Cloud:
    """With a token, and a catalogue in which everything is at ``service``."""
    cloud = Cloud(target)
    types = ("image", "compute", "network", "volumev3")
    cloud.token = Token("t", "p", dict.fromkeys(types, service.url), {})
    return cloud
