"""The small files that spell the public host. Each is written whole, so it can be written again."""

from __future__ import annotations

import json

from .addresses import PublicHost
from .files import write_atomic
from .layout import Layout
from .table import Table

_BY = "# Written by aio personalise.\n"


def render(table: Table, public: PublicHost, hostname: str) -> dict[str, str]:
    """Path → content: the console proxy's URL, the names the dashboard answers to."""
    names = [public.in_url, public.host, public.address, hostname, "localhost", "127.0.0.1"]
    spelled = json.dumps(list(dict.fromkeys([*names, *public.others])))
    return {
        row.path: _BY
        + row.texts["text"].replace("{host}", public.in_url).replace("{names}", spelled)
        for row in table.public
        if row.path is not None
    }


def write(layout: Layout, contents: dict[str, str]) -> None:
    for path, content in contents.items():
        write_atomic(layout.at(path), content)
