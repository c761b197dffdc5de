"""Runs checks of aio_image.health as a client on another machine does; a program of its own,
because that machine is another network namespace.

Reads a JSON object on stdin: ``address``, ``password``, ``table`` (services.json), ``checks``
(names). Writes one on stdout: ``catalogue`` (types), ``results`` (check → [outcome, detail]).
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from aio_image.health.check import run_checks
from aio_image.health.client import Cloud
from aio_image.health.cloud import checks_for
from aio_image.health.target import Target, expected_of
from aio_image.report.events import Events


def main() -> None:
    given = json.load(sys.stdin)
    expected, _ = expected_of(given["table"])
    with tempfile.TemporaryDirectory() as folder:
        target = Target(given["address"], given["password"], Path(folder), expected)
        cloud = Cloud(target)
        checks = [one for one in checks_for(target) if one.name in given["checks"]]
        found = run_checks(checks, cloud, Events(lambda _event: None))
    catalogue = sorted(cloud.token.catalogue) if cloud.token else []
    results = {one.check: [one.outcome, one.detail] for one in found}
    json.dump({"catalogue": catalogue, "results": results}, sys.stdout)


if __name__ == "__main__":
    main()
