"""The small files that spell the public host. Each is written whole, so it can be written again."""

from __future__ import annotations

import json

from .addresses import PublicHost
from .files import write_atomic
from .layout import Layout

NOVA = "/etc/nova/nova.conf.d/aio-public.conf"
HORIZON = "/etc/openstack-dashboard/local_settings.d/_60_aio_public.py"
_BY = "# Written by aio personalise.\n"


def write(layout: Layout, public: PublicHost, hostname: str) -> None:
    """nova's console proxy URL and the host names Horizon answers to."""
    write_atomic(
        layout.at(NOVA),
        f"{_BY}[vnc]\nnovncproxy_base_url = https://{public.in_url}:6080/vnc_lite.html\n",
    )
    names = [public.in_url, public.host, public.address, hostname, "localhost", "127.0.0.1"]
    hosts = list(dict.fromkeys([*names, *public.others]))
    write_atomic(layout.at(HORIZON), f"{_BY}ALLOWED_HOSTS = {json.dumps(hosts)}\n")
