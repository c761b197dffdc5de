"""LXC containers that do not run: whatever is in them is not asked before they do.

Row: ``{"kind": "containers"}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import roots
from ..layout import Layout
from ..problems import ApplianceProblem
from .model import Finding, ask, do

_START_SECONDS = 600


def examine(_: Mapping[str, Any], layout: Layout) -> list[Finding]:
    found = []
    for name in roots.containers(layout.root):
        code, state = ask("lxc-info", "--name", name, "--no-humanize", "--state")
        if code or state != "RUNNING":
            said = state.splitlines()[-1] if state else f"exit {code}"
            what = f"the container does not run ({said})"
            found.append(Finding(name, what, "start it", lambda name=name: _start(name)))  # type: ignore[misc]
    return found


def _start(name: str) -> None:
    """Until its systemd has gone through all it starts: what fails then is told by itself."""
    do("lxc-start", "--name", name)
    do("lxc-wait", "--name", name, "--state", "RUNNING", "--timeout", "60")
    _, said = ask("systemctl", "is-system-running", "--wait", seconds=_START_SECONDS, home=name)
    if said not in ("running", "degraded"):
        raise ApplianceProblem(
            f"{name}: does not come up: {said}", hint=f"lxc-attach --name {name}"
        )
