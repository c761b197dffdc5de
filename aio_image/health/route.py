"""Reaching a host at an address of one's choice, while everything else goes by its name.

The appliance checks itself under the name its clients use, which need not resolve, or not to
itself, where it runs (a name only others' DNS knows; the address of a NAT in front of it).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter

from aio_image.health.target import bracketed


class _Route(HTTPAdapter):
    """``peer`` is connected to; Host header, cookies, redirects and certificate go by the URL."""

    def __init__(self, peer: str, **pool: Any) -> None:
        self._peer, self._pool = peer, pool
        super().__init__()

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        super().init_poolmanager(connections, maxsize, block, **pool_kwargs, **self._pool)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        url = urlsplit(request.url or "")
        port = f":{url.port}" if url.port else ""
        sent = request.copy()
        sent.url = urlunsplit(url._replace(netloc=f"{bracketed(self._peer)}{port}"))
        sent.headers["Host"] = url.netloc
        answer = super().send(sent, *args, **kwargs)
        answer.url, answer.request = request.url or "", request
        return answer


def route(session: requests.Session, host: str, peer: str) -> None:
    """Have ``session`` connect to ``peer`` for every URL of ``host``."""
    # Only TLS knows of a server's name; a plain pool would refuse the word.
    session.mount(f"https://{bracketed(host)}", _Route(peer, server_hostname=host))
    session.mount(f"http://{bracketed(host)}", _Route(peer))
