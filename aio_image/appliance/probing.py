"""Waiting until the APIs answer: a thread each, asleep nearly always.

A service that does not listen yet refuses at once, which costs nothing; asking again backs off. One
that listens and is still loading keeps the request, so its answer comes at the moment it is up.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .services import Probe

FENCE_HEADER = b"\r\nx-aio-fence: closed\r\n"

_FIRST_PAUSE, _LONGEST_PAUSE, _GROWTH = 0.5, 4.0, 1.4
_PATIENCE = 180.0  # seconds for one answer: the first one of a Python service can be slow
_LARGEST = 4 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """``status`` is HTTP's. ``fenced``: it was the status page, not the service."""

    status: int
    fenced: bool


def ask(
    host: str, port: int, path: str, trust: ssl.SSLContext | None = None, name: str = ""
) -> Answer:
    """GET ``path``, reading the answer to its end (a page is warm only then).

    With ``trust`` over TLS, verified for ``name``. Raises OSError (which ssl.SSLError is).
    """
    with socket.create_connection((host, port), timeout=_PATIENCE) as plain:
        talk = trust.wrap_socket(plain, server_hostname=name) if trust else plain
        with talk:
            header = f"GET {path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            talk.sendall(header.encode("ascii"))
            data = b""
            while len(data) < _LARGEST:
                more = talk.recv(65536)
                if not more:
                    break
                data += more
    words = data.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise ConnectionError("not an HTTP answer")
    head = data.split(b"\r\n\r\n", 1)[0].lower() + b"\r\n"
    return Answer(int(words[1]), FENCE_HEADER in head)


class Prober:
    """Asks each probe's backend, then its public port at ``outside``, until both are right.

    TLS is verified by ``ca`` for ``name``.
    """

    def __init__(self, probes: Iterable[Probe], outside: str, ca: Path, name: str) -> None:
        self.up: queue.SimpleQueue[Probe] = queue.SimpleQueue()
        self.fenced: list[Probe] = []  # up, and hidden behind the status page as yet
        self._outside, self._ca, self._name = outside, ca, name
        self._trust: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        for probe in probes:
            threading.Thread(target=self._until_up, args=(probe,), daemon=True).start()

    def public(self, probe: Probe) -> Answer:
        """What the probe's public port says."""
        if probe.public_port is None:
            raise ValueError(f"{probe.name} has no public port")
        with self._lock:
            if self._trust is None:
                self._trust = ssl.create_default_context(cafile=str(self._ca))
        return ask(self._outside, probe.public_port, probe.path, self._trust, self._name)

    def _until_up(self, probe: Probe) -> None:
        pause = _FIRST_PAUSE
        backend_up = False
        while True:
            try:
                if not backend_up:
                    answer = ask(probe.host, probe.port, probe.path)
                    backend_up = answer.status in probe.answers
                if backend_up and probe.public_port is not None:
                    answer = self.public(probe)
                if backend_up and (answer.status in probe.answers or answer.fenced):
                    if answer.fenced:
                        self.fenced.append(probe)
                    self.up.put(probe)
                    return
            except OSError:
                pass  # nothing listens yet, or not with our certificate: ask again
            time.sleep(pause)
            pause = min(pause * _GROWTH, _LONGEST_PAUSE)
