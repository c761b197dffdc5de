"""Waiting for an address that comes late, or never: cheaply, and saying so."""

from __future__ import annotations

import time
from collections.abc import Callable

from . import addresses, fence, settled
from .addresses import Machine, NoAddress, PublicHost
from .config import Config
from .layout import Layout

_PAUSE = 2.0  # seconds between two looks at /proc
_QUIET = 4.0  # an answer of DHCP takes so long


class ConfigChanged(Exception):
    """``config.yaml`` was written anew while we waited: all is to be read again."""


def wait_for_address(
    layout: Layout,
    config: Config,
    say: Callable[[str], None],
    prefer: str = "",
    *,
    patience: float | None = None,
    machine: Machine | None = None,
) -> PublicHost:
    """The public host, as soon as there is one.

    After ``patience`` seconds (None: for ever) what was preferred no longer is, and then NoAddress
    is raised. Raises ConfigChanged.
    """
    began = time.monotonic()
    before = settled.fingerprint(layout)
    share = 1.0
    while True:
        waited = time.monotonic() - began
        over = patience is not None and waited >= patience * share
        try:
            return addresses.find(config, machine, "" if over else prefer)
        except NoAddress as missing:
            if over:
                raise
            # Nobody waits long for a cable.
            share = 0.3 if missing.why == addresses.NO_CABLE else 1.0
            if waited >= _QUIET and patience is None:
                say(_text(missing, waited))
                fence.open_alone(layout)
        time.sleep(_PAUSE if patience is None else min(_PAUSE, 0.5))
        if settled.fingerprint(layout) != before:
            raise ConfigChanged


def _text(missing: NoAddress, waited: float) -> str:
    since = f" for {waited // 60:.0f} min" if waited >= 60 else ""
    return (
        f"waiting for an address on {missing.interface}{since}: {missing.why}. Connect it, or write"
        " `network:` (a fixed address), `public_interface:` or `public_address:` into"
        " /etc/aio/config.yaml; it goes on by itself"
    )
