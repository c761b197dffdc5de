"""The scanner finds what listens, all of it, and nothing else."""

from __future__ import annotations

import socket
import threading

import pytest

from tests import portscan


def test_all_that_listens_and_nothing_else() -> None:
    # Above the ports that the kernel gives to clients, where nothing of this host listens.
    with (
        socket.create_server(("127.251.0.1", 61234)),
        socket.create_server(("127.251.0.1", 65535)),
        socket.create_server(("127.251.0.9", 62000)),
    ):
        assert portscan.tcp("127.251.0.1", range(61000, 65536)) == {61234, 65535}
    assert (portscan.EVERY[0], portscan.EVERY[-1]) == (1, 65535)


def test_udp_by_its_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as answers:
        answers.bind(("127.251.0.2", 0))
        port = answers.getsockname()[1]
        monkeypatch.setattr(portscan, "UDP", {port: b"hello", 9: b"nobody"})
        heard: list[bytes] = []

        def reply() -> None:
            said, whom = answers.recvfrom(100)
            heard.append(said)
            answers.sendto(b"yes", whom)

        thread = threading.Thread(target=reply)
        thread.start()
        assert portscan.udp("127.251.0.2", seconds=2.0) == {port}
        thread.join()
        assert heard == [b"hello"]
