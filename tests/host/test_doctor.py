"""Every check on this very host: it can build, so what a build needs is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from aio_image.deployers import HostNeeds
from aio_image.doctor import kernel
from aio_image.doctor.checks import all_checks, checks_for, examine, require
from aio_image.doctor.model import BUILD, Host, Packages
from aio_image.host import loops
from aio_image.paths import Home
from aio_image.report.events import CheckFinished, Event, Events

pytestmark = pytest.mark.host


def test_every_check_ends_with_a_finding(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    seen: list[Event] = []
    # As for a profile that runs every program: what only some builds run is skipped otherwise.
    needs = HostNeeds(disk=1, inotify=1, programs=("pasta",))
    host = Host(home, home, thorough=True, packages=Packages("debian", "trixie", None), needs=needs)
    results = examine(host, Events(seen.append))
    assert seen == results
    assert [each.check for each in results] == [check.name for check in all_checks()]
    needed = {check.name for check in checks_for(BUILD)}
    outcomes = {each.check: each for each in results if isinstance(each, CheckFinished)}
    for name in needed - {"disk space", "memory for a build"}:
        assert outcomes[name].outcome in ("ok", "warning"), outcomes[name]
    for each in results:
        assert each.detail
        assert each.hint or each.outcome in ("ok", "skipped")
    assert list(home.work.iterdir()) == []


def test_loop_devices_are_tried_and_let_go(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    found = kernel.loop_devices(Host(home, home, thorough=True))
    assert found.outcome == "ok"
    assert "partition" in found.detail
    assert not [loop for loop in loops.bound() if str(tmp_path) in loop.backing]


def test_a_kernel_that_refuses_namespaces_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in an unprivileged container: the kernel's own refusal, by a real one."""
    refused = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--reuid", "65534")
    from aio_image.host import namespace  # noqa: PLC0415

    monkeypatch.setattr(namespace, "_PRIVATE", (*refused, "--clear-groups", *namespace._PRIVATE))
    home = Home(tmp_path / "home")
    found = kernel.namespaces(Host(home, home, thorough=True))
    assert found.outcome == "failed"
    assert "Operation not permitted" in found.detail
    assert "privileged" in found.hint


def test_what_a_build_needs_is_here(tmp_path: Path) -> None:
    require(Home(tmp_path / "home"), BUILD, Events())
