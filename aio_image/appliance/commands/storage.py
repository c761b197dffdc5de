"""``aio storage``: exits 0 when all of it is there, 1 when something is missing."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from ..layout import Layout
from ..problems import ApplianceProblem
from ..storage import forget
from ..storage.look import look
from ..storage.words import size


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="all of it as JSON, sizes in bytes")
    parser.add_argument(
        "--forget", metavar="NAME",
        help="NAME (disk, or a name of the list) is lost for good: make it anew, empty, when "
        "aio-storage.service starts next. Volumes and instances that were on it stay in the "
        "databases until they are deleted",
    )  # fmt: skip


def run(given: argparse.Namespace, layout: Layout) -> int:
    if os.geteuid() != 0:
        raise ApplianceProblem("LVM and disks are for root to look at", hint="use sudo")
    if given.forget is not None:
        forget.forget(layout, given.forget)
        print(f"{given.forget}: forgotten. Next: systemctl restart aio-storage.service")
        return 0
    found = look(layout)
    print(json.dumps(found, indent=2) if given.json else _text(found))
    missing = [one for one in found["places"] if not one["there"]]
    return 1 if missing or (found["disk"] and not found["disk"]["there"]) else 0


def _text(found: dict[str, Any]) -> str:
    disk = found["disk"]
    if disk is None:
        lines = [f"{found['at']}: on the root disk"]
    else:
        there = "" if disk["there"] else ", NOT THERE"
        lines = [f"{found['at']}: data disk {disk['device']} ({disk['filesystem']}){there}"]
    if found["size"] is not None:
        lines[0] += f", {size(found['free'])} of {size(found['size'])} free"
    for one in found["places"]:
        if one["kind"] == "none":
            said = f"{one['at']} on the root disk"
        elif one["kind"] == "folder":
            said = f"{one['at']} in {one['file']}"
        else:
            said = f"{one['at']} in {one['file']} ({one['device']}), {size(one['size'])}"
            if one["free"] is not None:
                said += f", {size(one['free'])} of it free, {size(one['used'])} on disk"
        lines.append(f"  {one['name']:8} {said}{'' if one['there'] else ', NOT THERE'}")
    return "\n".join(lines)
