"""The cloud under another address or name, while it runs.

What says the old one is settled as at a boot; then the database is told, and just those units that
read it once are restarted or reloaded. The CA stays: only its certificate for the new name is new.
"""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Mapping

from . import addresses, config, config_edit, ledger, personalise, settled, units
from .addresses import NoAddress
from .files import write_atomic
from .layout import Layout
from .problems import ApplianceProblem
from .settlement import Settlement
from .status import Reporter, Status
from .waiting import ConfigChanged

_LOOK = 5.0  # seconds between two looks for an address that did not come at boot


def ask_for(layout: Layout, words: Mapping[str, str]) -> None:
    """Write ``words`` (top-level keys) into ``config.yaml``. Or raises ApplianceProblem."""
    _must_be_set_up(layout)
    try:
        text = layout.config.read_text("utf-8")
    except FileNotFoundError:
        text = ""
    new = config_edit.with_words(text, words)
    config.parse(new.encode(), ledger.load(layout.ledger).secrets, "config.yaml as it would be")
    if new != text:
        mode = layout.config.stat().st_mode & 0o777 if layout.config.exists() else 0o600
        write_atomic(layout.config, new, mode)


def _must_be_set_up(layout: Layout) -> None:
    if not layout.personalised.exists():
        raise ApplianceProblem("this appliance is not set up yet", hint="aio status --follow")


def now(layout: Layout, reporter: Reporter) -> list[str]:
    """Settle what changed, and have the running cloud follow. The stages that ran."""
    _must_be_set_up(layout)
    # A broken one is refused here, where a boot would only warn.
    config.load(layout.config, ledger.load(layout.ledger).secrets, layout.root)
    work = _settled(layout, reporter)
    if work.ran:
        _follow(layout, reporter, work)
    else:
        reporter.refresh_warnings()
    return work.ran


def _settled(layout: Layout, reporter: Reporter) -> Settlement:
    while True:
        with contextlib.suppress(ConfigChanged):
            return personalise.settle(layout, reporter)


def when_it_comes(layout: Layout, reporter: Reporter) -> None:
    """Wait until the public interface has an address, and then ``now``."""
    while True:
        try:
            kept = settled.load(layout)
            addresses.find(kept, prefer=settled.values(layout).get("interface", ""))
        except NoAddress:
            time.sleep(_LOOK)
        else:
            now(layout, reporter)
            return


def _follow(layout: Layout, reporter: Reporter, work: Settlement) -> None:
    status = Status("readdress", detail=f"settled anew: {', '.join(work.ran)}")
    reporter.publish(status)
    if not layout.running:
        return
    if layout.database_sql.exists():
        # Active, or its start is waited for, at the end of which it applies them itself.
        container = layout.database_container
        _run(*units.inside(container, ["systemctl", "start", "mariadb.service"]))
        if layout.database_sql.exists():
            _run(*units.inside(container, ["/usr/lib/aio/apply-database"]))
    for verb, named in (("try-restart", work.restart), ("try-reload-or-restart", work.reload)):
        for command in units.commands([verb, "--no-block"], dict.fromkeys(named)):
            _run(*command)
    _run("systemctl", "restart", "--no-block", "aio-ready.service")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ApplianceProblem(
            f"{' '.join(command)}: {said[-1] if said else f'exit {done.returncode}'}",
            hint="what changed is written: a reboot applies it",
        )
