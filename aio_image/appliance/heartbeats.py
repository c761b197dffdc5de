"""Which processes have reported themselves to their database in this boot, and lately.

A unit is active long before its driver is: nova-compute and cinder-volume report only once they
work, and that report is what the schedulers go by.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from . import units
from .status import uptime

_FRESH = 60  # seconds; both services report every 10 (report_interval)


def missing(wanted: Mapping[str, tuple[str, ...]], container: str = "") -> list[str]:
    """Those of ``wanted`` (database → processes) that have not reported. One client process.

    ``container``: the one that MariaDB runs in, "" for the host.
    """
    found: set[tuple[str, str]] = set()
    fresh = min(_FRESH, int(uptime()))
    # A clock that was put back leaves reports of earlier boots that lie in the future.
    queries = [
        f"SELECT DISTINCT '{database}', `binary` FROM {database}.services WHERE NOT deleted"
        f" AND updated_at > UTC_TIMESTAMP() - INTERVAL {fresh} SECOND"
        " AND updated_at < UTC_TIMESTAMP() + INTERVAL 2 SECOND;"
        for database in wanted
    ]
    if queries:
        client = ["mariadb", "--no-defaults", "--protocol=socket", "--user=root", "--batch"]
        done = subprocess.run(
            units.inside(container, [*client, "--skip-column-names"]),
            input="\n".join(queries),
            capture_output=True,
            text=True,
            check=False,
        )
        for line in done.stdout.splitlines():
            database, _, binary = line.partition("\t")
            found.add((database, binary))
    return [
        binary
        for database, binaries in wanted.items()
        for binary in binaries
        if (database, binary) not in found
    ]
