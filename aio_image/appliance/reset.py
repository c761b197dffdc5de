"""``aio reset`` and ``aio rebuild``: back to what the image was, all of it or the cloud's part.

The order is written to the disk, with the link ``/system-update`` that makes systemd boot to
system-update.target (systemd.offline-updates(7)) instead of to the cloud. There
``aio-reset.service`` carries it out before anything else uses /var, and boots again. The order goes
last: a power cut at any moment only makes the next boot begin anew.
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from . import ledger, pristine
from .files import make_folder, overwrite, remove, sync_folder, write_atomic
from .layout import Layout
from .problems import ApplianceProblem
from .storage import forget, mounts, table
from .storage.record import Record

RESET, REBUILD = "reset", "rebuild"
_MACHINE_ID = "/etc/machine-id"


@dataclass(frozen=True)
class Order:
    """``what`` is RESET or REBUILD; ``begun``: something has been changed, so it has to end."""

    what: str
    begun: bool = False


def lost(what: str) -> list[str]:
    """What goes, and what stays, for a person to say yes to."""
    cloud = "instances, volumes, images, networks, users and all else in the cloud"
    if what == REBUILD:
        return [
            f"lost: {cloud}",
            "kept: passwords, CA, host keys, addresses, configuration, logs, the system's users",
        ]
    return [
        f"lost: {cloud}",
        "lost: every password, key and certificate; new ones are made",
        "lost: all else in /etc, /var, /root and /home, the configuration included",
        "kept: packages installed since",
    ]


def place(layout: Layout, what: str) -> None:
    """Have the next boot carry out ``what``. Raises ApplianceProblem while nothing is changed."""
    if layout.orders.exists():
        raise ApplianceProblem(
            f"this appliance was deployed by its own first boot: there is no state to {what} to",
            hint="boot a fresh copy of the image, or run its playbooks again (openstack-ansible)",
        )
    index = pristine.load(layout)
    if missing := pristine.missing_copies(layout, index):
        raise ApplianceProblem(f"{missing[0]}: not there, and a {what} needs it", details=missing)
    pristine.verify(layout)
    _see_data_disk(layout)
    there = read(layout)
    if there is not None and there.begun:
        raise ApplianceProblem(f"a {there.what} has begun and is not over", hint="reboot")
    make_folder(layout.reset_order.parent, 0o700)
    _write(layout, Order(what))
    if not layout.system_update.is_symlink():
        layout.system_update.symlink_to("/" + str(_folder(layout).relative_to(layout.root)))
    sync_folder(layout.root)


def cancel(layout: Layout) -> bool:
    """Take an order back that has not begun. False when there is none. Raises ApplianceProblem."""
    there = read(layout)
    if there is None:
        return False
    if there.begun:
        raise ApplianceProblem(f"the {there.what} has begun: it cannot be taken back")
    _forget(layout)
    return True


def read(layout: Layout) -> Order | None:
    """The order, if there is one. Raises ApplianceProblem when it cannot be read."""
    try:
        data = json.loads(layout.reset_order.read_text("utf-8"))
        return Order({RESET: RESET, REBUILD: REBUILD}[data["what"]], data["begun"])
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError) as error:
        raise ApplianceProblem(
            f"{layout.reset_order}: damaged", hint="remove it and /system-update"
        ) from error


def carry_out(layout: Layout, told: Callable[[str, int, int], None]) -> str | None:
    """Do what is ordered; ``told(what is done, done, total)``. Returns what it was.

    Raises ApplianceProblem; as long as the order has not begun, it is then taken back.
    """
    order = read(layout)
    if order is None:
        return None
    try:
        index = pristine.load(layout)
        if not order.begun:
            told("checking the archive", 0, 4)
            pristine.verify(layout)
    except ApplianceProblem:
        if not order.begun:
            _forget(layout)
        raise
    _write(layout, replace(order, begun=True))
    _release_machine_id(layout)
    told("removing the cloud's data", 1, 4)
    if warning := forget.clear(layout):
        told(warning, 1, 4)
    if order.what == RESET:
        told("overwriting secrets", 2, 4)
        _overwrite_secrets(layout, index.secret)
    told("putting back what the image had", 3, 4)
    pristine.restore(layout, index, index.packed if order.what == RESET else index.cloud)
    os.sync()
    if order.what == RESET:
        _discard_free_blocks(layout)
    _forget(layout)
    return order.what


def _see_data_disk(layout: Layout) -> None:
    disk = Record.load(layout.storage).disk
    if disk is not None and disk.made and mounts.at(table.where(layout)) is None:
        raise ApplianceProblem(
            f"the data disk {disk.device} is not mounted: what the cloud has on it would stay",
            hint="attach it and reboot; if it is lost, `aio storage --forget disk`",
        )


def _overwrite_secrets(layout: Layout, patterns: Iterable[str]) -> None:
    """Zeroes over each file that holds a secret, where it stands on the disk."""
    files = set(pristine.matches(layout, tuple(patterns)))
    spelled = ledger.load(layout.ledger).secrets.values()
    files |= {layout.at(file) for secret in spelled for file in secret.files}
    for path in sorted(files):
        if path.is_file() and not path.is_symlink():
            overwrite(path, {0: bytes(path.stat().st_size)})


def _release_machine_id(layout: Layout) -> None:
    """Where it was empty while the root was read-only, systemd has mounted one over it."""
    if layout.root == Path("/") and os.path.ismount(_MACHINE_ID):
        subprocess.run(["umount", "--lazy", _MACHINE_ID], check=True)


def _discard_free_blocks(layout: Layout) -> None:
    # Not every disk can: docs/lifecycle.md says what that leaves.
    if layout.root == Path("/"):
        subprocess.run(["fstrim", "--quiet-unsupported", "/"], check=False, capture_output=True)


def _write(layout: Layout, order: Order) -> None:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    content = {**asdict(order), "at": now}
    write_atomic(layout.reset_order, json.dumps(content) + "\n", 0o600)


def _forget(layout: Layout) -> None:
    remove(layout.reset_order)
    layout.system_update.unlink(missing_ok=True)
    sync_folder(layout.root)


def _folder(layout: Layout) -> Path:
    return layout.reset_order.parent
