"""What listens in a booted copy: told apart by who can reach it, and held against the tables."""

from __future__ import annotations

from aio_image import deployers
from aio_image.bake.listening import Listener, parse, unexpected
from aio_image.profile.load import load_profile

# As `ss` of iproute2 6.15 prints it.
SHOWN = """\
udp UNCONN 0      0         127.0.0.54:53    0.0.0.0:* users:(("systemd-resolve",pid=49,fd=20))
udp UNCONN 0      0      127.0.0.53%lo:53    0.0.0.0:* users:(("systemd-resolve",pid=49,fd=18))
udp UNCONN 0      0            0.0.0.0:5355  0.0.0.0:* users:(("systemd-resolve",pid=49,fd=11))
udp UNCONN 0      0   192.0.2.10%eth0:68    0.0.0.0:*
tcp LISTEN 0      64         127.0.0.1:6642  0.0.0.0:* users:(("ovsdb-server",pid=237,fd=18))
tcp LISTEN 0      4096         0.0.0.0:3260  0.0.0.0:* users:(("tgtd",pid=241,fd=6))
tcp LISTEN 0      1000               *:5000        *:* users:(("haproxy",pid=423,fd=7))
tcp LISTEN 0      4096            [::]:5355     [::]:* users:(("systemd-resolve",pid=49,fd=14))
tcp LISTEN 0      4096           [::1]:8        [::]:*
tcp LISTEN 0      128             [::]:22       [::]:* users:(("sshd",pid=278,fd=7))
"""


def reachable() -> list[Listener]:
    return [one for one in parse(SHOWN) if not one.within(())]


def test_what_is_not_meant_to_listen() -> None:
    services = load_profile("debian-aio", []).services
    meant = deployers.load("debian").ports_of(services)
    assert [str(one) for one in unexpected(reachable(), meant)] == [
        'udp 0.0.0.0:5355 users:(("systemd-resolve",pid=49,fd=11))',
        'tcp 0.0.0.0:3260 users:(("tgtd",pid=241,fd=6))',
        'tcp :::5355 users:(("systemd-resolve",pid=49,fd=14))',
    ]
    # Without Keystone, its port is nobody's.
    assert 'tcp *:5000 users:(("haproxy",pid=423,fd=7))' in [
        str(one) for one in unexpected(reachable(), deployers.load("debian").ports_of(()))
    ]


def test_who_can_reach_it() -> None:
    inside = [one.within(()) for one in parse(SHOWN)]
    assert inside == [True, True, False, False, True, False, False, False, True, False]


def test_networks_of_the_inside() -> None:
    """OpenStack-Ansible's services listen on a bridge; haproxy's public side there is for all."""
    networks = deployers.load("openstack-ansible").inside
    line = "tcp LISTEN 0 64 {} 0.0.0.0:*"
    for address, within in {
        "172.29.236.100:5000": True, "172.29.240.100:6081": True, "192.0.2.10:5000": False,
        "172.29.248.1:53": False, "0.0.0.0:44321": False, "[fe80::1]%eth0:546": False,
    }.items():  # fmt: skip
        (one,) = parse(line.format(address))
        assert one.within(networks) is within, address
