"""What a boot waits for before it goes on without a network: a card with something plugged in."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import aio_image.appliance

SCRIPT = Path(aio_image.appliance.__file__).parent / "files/wait-online"


@pytest.fixture
def waits(tmp_path: Path) -> Callable[..., bool]:
    """Whether the script waits for an address, where there are these interfaces.

    Each as (index, index at the other end, carrier, hardware or not).
    """

    def ask(**interfaces: tuple[int, int, str, bool]) -> bool:
        for name, (index, link, carrier, hardware) in interfaces.items():
            place = tmp_path / "net" / name.replace("_", "-")
            place.mkdir(parents=True)
            for fact, value in {"ifindex": index, "iflink": link, "carrier": carrier}.items():
                (place / fact).write_text(f"{value}\n")
            if hardware:
                (place / "device").mkdir()
        text = SCRIPT.read_text()
        text = text.replace("/sys/class/net", str(tmp_path / "net"))
        text = text.replace("/usr/lib/systemd/systemd-networkd-wait-online", "echo")
        # No loop is waited for: what is not there at once does not come here.
        text = text.replace("sleep 1", "exit 0")
        done = subprocess.run(["sh", "-c", text], check=True, capture_output=True, text=True)
        assert done.stderr == ""
        return done.stdout.startswith("--any --timeout=")

    return ask


def test_a_card_with_a_cable(waits: Callable[..., bool]) -> None:
    assert waits(eth0=(2, 2, "1", True))


def test_a_card_without(waits: Callable[..., bool]) -> None:
    assert not waits(eth0=(2, 2, "0", True))


def test_an_end_whose_other_end_is_elsewhere(waits: Callable[..., bool]) -> None:
    assert waits(host0=(2, 7, "1", False))


def test_the_clouds_own(waits: Callable[..., bool]) -> None:
    assert not waits(
        br_mgmt=(4, 4, "1", False), br_vlan_veth=(7, 6, "1", False), eth12=(6, 7, "1", False)
    )
