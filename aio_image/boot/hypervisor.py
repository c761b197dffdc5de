"""The domain of one appliance on a connection to libvirt: started, found, stopped."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TypeAlias

from aio_image.errors import HostError
from aio_image.host.libvirt_connection import Connection, libvirt, said

_LOOK = 0.5

Domain: TypeAlias = libvirt.virDomain


def start(connection: Connection, xml: str, *, ends_with_us: bool) -> Domain:
    """Create the transient domain of ``xml``. Raises HostError with libvirt's words.

    With ``ends_with_us`` a daemon destroys it when this connection ends, however that happens.
    """
    flags = 0
    # An embedded driver ends with us, too, but before it could do that.
    if ends_with_us and connection.root is None:
        flags |= libvirt.VIR_DOMAIN_START_AUTODESTROY
    try:
        return connection.handle.createXML(xml, flags)
    except libvirt.libvirtError as error:
        hint = ""
        if error.get_error_domain() == libvirt.VIR_FROM_NETWORK or "virtnetworkd" in said(error):
            hint = "`virsh net-list` lists libvirt's networks; none is needed without --network"
        raise HostError(f"libvirt cannot start the guest: {said(error)}", hint=hint) from error


def find(connection: Connection, name: str) -> Domain | None:
    """The running domain ``name``, or None."""
    try:
        return connection.handle.lookupByName(name)
    except libvirt.libvirtError:
        return None


def running(domain: Domain) -> bool:
    """Whether the guest is still there; a transient domain that ended is not."""
    try:
        return bool(domain.isActive())
    except libvirt.libvirtError:
        return False


def halted(domain: Domain) -> str:
    """Why the guest does not run; empty while it does.

    A transient domain that ended is not there any more. QEMU pauses a guest whose disk it cannot
    write (https://libvirt.org/html/libvirt-libvirt-domain.html#virDomainPausedReason).
    """
    try:
        state, reason = domain.state()
    except libvirt.libvirtError:
        return "the guest switched itself off or restarted"
    if state == libvirt.VIR_DOMAIN_PAUSED:
        if reason == libvirt.VIR_DOMAIN_PAUSED_IOERROR:
            return "the guest is paused: its disk cannot be written (is this machine's full?)"
        return f"the guest is paused (libvirt's reason {reason})"
    return "" if running(domain) else "the guest switched itself off or restarted"


def stop(domain: Domain) -> None:
    """Switch the guest off as if by its plug. No error when it is gone already."""
    with suppress(libvirt.libvirtError):
        domain.destroy()


def shut_down(domain: Domain, seconds: float) -> None:
    """Ask the guest to power off, as by its button, and wait for at most ``seconds``."""
    with suppress(libvirt.libvirtError):
        domain.shutdown()
    end = time.monotonic() + seconds
    while running(domain) and time.monotonic() < end:
        time.sleep(_LOOK)


def leased_address(domain: Domain) -> str | None:
    """The IPv4 address a libvirt network leased to the guest, once it did."""
    try:
        cards = domain.interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE)
    except libvirt.libvirtError:
        return None
    for card in cards.values():
        for address in card["addrs"] or ():
            if address["type"] == libvirt.VIR_IP_ADDR_TYPE_IPV4:
                return str(address["addr"])
    return None
