"""Guests that go on after the command that booted them: noted down, listed, ended."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from aio_image.boot import hypervisor
from aio_image.boot.appliance import Appliance
from aio_image.errors import HostError, UsageError
from aio_image.host.libvirt_connection import connected, forget
from aio_image.paths import Home

_NOTE = "appliance.json"


@dataclass(frozen=True)
class Kept:
    """One guest: its libvirt ``name`` and ``uri``, and its ``folder``.

    ``address`` is empty on a libvirt network, which knows it.
    """

    name: str
    uri: str
    address: str
    image: str
    folder: str


def room(home: Home) -> Path:
    """The folder that kept guests have their folders in."""
    return home.root / "appliances"


def note(appliance: Appliance, folder: Path, image: Path) -> Kept:
    """Write down that the guest in ``folder`` stays."""
    kept = Kept(
        name=appliance.identity.name,
        uri=appliance.uri,
        address=appliance.forwards.address if appliance.forwards else "",
        image=str(image.absolute()),
        folder=str(folder.absolute()),
    )
    (folder / _NOTE).write_text(json.dumps(asdict(kept), indent=1) + "\n", encoding="utf-8")
    return kept


def noted(home: Home) -> Iterator[Kept]:
    """Every guest that was kept and not stopped since, running or not."""
    for path in sorted(room(home).glob(f"*/{_NOTE}")):
        try:
            yield Kept(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            continue  # cut short by a full disk: its folder names nothing to stop


def state(kept: Kept) -> str:
    """``running`` or ``ended``; ``unknown`` when its libvirt cannot be asked.

    An embedded one cannot as long as the command that booted the guest is at work.
    """
    try:
        with connected(kept.uri, Path(kept.folder)) as connection:
            return "ended" if hypervisor.find(connection, kept.name) is None else "running"
    except HostError:
        return "unknown"


def stop(home: Home, name: str) -> None:
    """End the kept guest ``name`` and remove its files; a --disk of its own stays.

    Raises UsageError when there is none of that name.
    """
    found = next((kept for kept in noted(home) if kept.name == name), None)
    if found is None:
        known = ", ".join(kept.name for kept in noted(home)) or "none"
        raise UsageError(f"no appliance {name} was kept", hint=f"kept are: {known}")
    folder = Path(found.folder)
    with connected(found.uri, folder) as connection:
        domain = hypervisor.find(connection, name)
        if domain is not None:
            hypervisor.stop(domain)
        forget(connection)
    shutil.rmtree(folder)
