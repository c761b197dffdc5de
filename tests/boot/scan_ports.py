"""Every port of an address that takes what comes, as JSON. Runs at the far end of a cable.

python scan_ports.py ADDRESS tcp|udp
"""

from __future__ import annotations

import asyncio
import json
import select
import socket
import sys
import time
from contextlib import ExitStack

_AT_ONCE = 400
_SECONDS = 10.0
_LAST = 65535
_UDP_TRIES, _UDP_SECONDS = 3, 0.5


async def tcp(address: str) -> list[int]:
    """The open ports of the whole range. A port that is silent for 10 s counts as closed."""
    found: list[int] = []
    ports = iter(range(1, _LAST + 1))

    async def work() -> None:
        for port in ports:
            try:
                connected = asyncio.open_connection(address, port)
                _, writer = await asyncio.wait_for(connected, _SECONDS)
            except (OSError, TimeoutError):
                continue
            found.append(port)
            writer.close()

    await asyncio.gather(*(work() for _ in range(_AT_ONCE)))
    return sorted(found)


def udp(address: str) -> list[int]:
    """The ports that no ICMP message calls unreachable, though asked three times.

    The answering kernel is not to count its messages (net.ipv4.icmp_*).
    """
    silent = list(range(1, _LAST + 1))
    for _ in range(_UDP_TRIES):
        silent = [
            port
            for first in range(0, len(silent), _AT_ONCE)
            for port in _silent(address, silent[first : first + _AT_ONCE])
        ]
    return silent


def _silent(address: str, ports: list[int]) -> list[int]:
    with ExitStack() as stack:
        waiting: dict[int, tuple[int, socket.socket]] = {}
        poll = select.poll()
        for port in ports:
            one = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            one.connect((address, port))
            one.send(b"")
            waiting[one.fileno()] = (port, one)
            poll.register(one, select.POLLERR)
        end = time.monotonic() + _UDP_SECONDS
        while waiting and (left := end - time.monotonic()) > 0:
            for number, _ in poll.poll(left * 1000):
                poll.unregister(number)
                del waiting[number]
        return sorted(port for port, _ in waiting.values())


if __name__ == "__main__":
    found = asyncio.run(tcp(sys.argv[1])) if sys.argv[2] == "tcp" else udp(sys.argv[1])
    json.dump(found, sys.stdout)
