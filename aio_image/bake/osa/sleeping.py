"""apt's sources of a staged image: its own repository, and the distribution's own, asleep.

They stay in the image for its owner; there may be no route to them, so apt does not ask them.
"""

from __future__ import annotations

import re
from pathlib import Path

# Where apt is told of the image's own repository.
SOURCES = "/etc/apt/sources.list.d/aio.sources"


def asleep(text: str) -> str:
    """A ``.sources`` file with ``Enabled: no`` in each stanza (sources.list(5))."""
    text = re.sub(r"^Enabled:.*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^(?=Types:)", "Enabled: no\n", text, flags=re.MULTILINE)


def put_to_sleep(path: Path) -> None:
    """Have apt not ask the ``.sources`` file at ``path``, where there is one."""
    if path.is_file():
        path.write_text(asleep(path.read_text("utf-8")), "utf-8")
