"""``network`` of the configuration: a file of systemd-networkd's for the public interface.

It comes before cloud-init's own in networkd's order (05 before 10), so it wins for its interface.
When the configuration asks for nothing any more it goes, and what cloud-init wrote holds again.
"""

from __future__ import annotations

import subprocess

from . import addresses
from .addresses import Machine
from .config import Config
from .files import remove, write_atomic
from .layout import Layout
from .problems import ApplianceProblem

FILE = "/etc/systemd/network/05-aio-public.network"
_CURE = "correct /etc/aio/config.yaml"


def render(config: Config, machine: Machine | None = None) -> str:
    """The file's content; empty when nothing is asked for. Raises ApplianceProblem."""
    asked = config.network
    if asked is None:
        return ""
    interface = config.public_interface or _only_card(machine)
    lines = ["# Written by aio from /etc/aio/config.yaml.", "[Match]", f"Name={interface}", ""]
    lines += ["[Network]", f"DHCP={'no' if asked.address else 'yes'}"]
    if asked.address:
        lines.append(f"Address={asked.address}")
    # An address that is a network of its own has its router outside.
    outside = asked.gateway and asked.address and asked.address.endswith(("/32", "/128"))
    if asked.gateway and asked.default_route and not outside:
        lines.append(f"Gateway={asked.gateway}")
    lines += [f"DNS={server}" for server in asked.nameservers]
    if asked.search:
        lines.append(f"Domains={' '.join(asked.search)}")
    taken = []
    if not asked.default_route:
        taken.append("UseGateway=no")
    if asked.nameservers:
        taken.append("UseDNS=no")
    if taken:
        lines += ["", "[DHCPv4]", *taken, "", "[IPv6AcceptRA]", *taken]
        if asked.nameservers:
            lines += ["", "[DHCPv6]", "UseDNS=no"]
    if outside:
        lines += ["", "[Route]", f"Gateway={asked.gateway}", "GatewayOnLink=yes"]
    return "\n".join([*lines, ""])


def write(layout: Layout, content: str) -> bool:
    """Have the file say ``content``, and networkd follow it. True when something changed."""
    path = layout.at(FILE)
    if content:
        if path.exists() and path.read_text("utf-8") == content:
            return False
        write_atomic(path, content)
    elif path.exists():
        remove(path)
    else:
        return False
    if layout.running:
        done = subprocess.run(
            ["networkctl", "reload"], capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode != 0:
            raise ApplianceProblem(
                f"networkctl reload: {done.stderr.strip() or done.returncode}",
                hint="journalctl -u systemd-networkd",
            )
    return True


def _only_card(machine: Machine | None) -> str:
    there = addresses.cards(machine)
    if len(there) == 1:
        return there[0]
    if not there:
        raise ApplianceProblem(
            "network: this machine has no network card", hint=f"give it one, or {_CURE}"
        )
    raise ApplianceProblem(
        f"network: which interface is meant? There are {', '.join(there)}",
        hint=f"{_CURE}: name one as public_interface",
    )
