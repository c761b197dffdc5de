"""Which ports of an address answer, asked from outside: every TCP port, and UDP where it replies.

For tests that hold what answers against what is meant to (``DeployerFacts.ports_of``).
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterable
from contextlib import suppress

EVERY = range(1, 65536)
_DNS = bytes.fromhex("12340100000100000000000003") + b"aio" + bytes.fromhex("0000010001")
# What a cloud's host is likely to have open by mistake, and a datagram that each would answer.
UDP = {
    53: _DNS,
    69: b"\x00\x01x\x00octet\x00",
    111: bytes.fromhex("000000010000000000000002000186a000000002") + bytes(20),
    123: b"\x23" + bytes(47),
    5353: _DNS,
    5355: _DNS,
    11211: bytes.fromhex("0001000000010000") + b"version\r\n",
}


class Unreachable(Exception):
    """Nothing at all answers there: the network, not the ports."""


async def _tcp(address: str, ports: Iterable[int], seconds: float, together: int) -> set[int]:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    found: set[int] = set()
    silent = 0
    waiting = iter(ports)

    async def worker() -> None:
        nonlocal silent
        for port in waiting:
            with socket.socket(family, socket.SOCK_STREAM) as one:
                one.setblocking(False)
                try:
                    await asyncio.wait_for(loop.sock_connect(one, (address, port)), seconds)
                    found.add(port)
                except TimeoutError:
                    silent += 1  # dropped by a filter: it does not answer, which is as good
                except OSError as error:
                    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
                        raise Unreachable(f"{address}: {error.strerror}") from error

    await asyncio.gather(*(worker() for _ in range(together)))
    return found


def tcp(
    address: str, ports: Iterable[int] = EVERY, *, seconds: float = 3.0, together: int = 400
) -> set[int]:
    """Those of ``ports`` that take a connection, each within ``seconds``.

    Closed ports refuse at once, so all 65535 take seconds. Raises Unreachable.
    """
    return asyncio.run(_tcp(address, ports, seconds, together))


async def _udp(address: str, seconds: float) -> set[int]:
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET

    async def ask(port: int, datagram: bytes) -> int | None:
        with socket.socket(family, socket.SOCK_DGRAM) as one:
            one.setblocking(False)
            one.connect((address, port))
            with suppress(OSError, TimeoutError):
                await loop.sock_sendall(one, datagram)
                await asyncio.wait_for(loop.sock_recv(one, 2048), seconds)
                return port
        return None

    asked = await asyncio.gather(*(ask(port, datagram) for port, datagram in UDP.items()))
    return {port for port in asked if port is not None}


def udp(address: str, *, seconds: float = 3.0) -> set[int]:
    """Ports of ``UDP`` that reply to what is theirs; one that keeps silent looks closed."""
    return asyncio.run(_udp(address, seconds))
