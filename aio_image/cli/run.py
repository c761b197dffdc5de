"""`aio-image run`: boot an image for a person to use."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from aio_image.boot import hypervisor, kept
from aio_image.boot.appliance import Appliance, Machine, booted
from aio_image.boot.offer import Offer
from aio_image.boot.ports import HTTP, HTTPS, SSH
from aio_image.boot.session import Session, session
from aio_image.boot.trial import target_of
from aio_image.cli.images import boot_arguments, check_image, machine_of, offer_of, tell_guess
from aio_image.cli.options import columns, command_parser
from aio_image.cli.reporting import events_for
from aio_image.errors import EXIT_OK, ApplianceError, Cancelled
from aio_image.health.target import KEYSTONE_PORT
from aio_image.paths import Home
from aio_image.report.events import Events, Notice, Result

_DESCRIPTION = """\
Boots an image under libvirt and tells, when its cloud is healthy, where Horizon is and how to
log in. Ctrl-C ends it. Needs no root: without it, libvirt's session mode is used.

Nothing is written to the image. What you do in the cloud is gone when it ends, unless --disk
names a file to keep it in; the same file boots the same cloud again.

examples:
  aio-image run build/debian-aio.qcow2
  aio-image run build/debian-aio.qcow2 --disk ~/my-cloud.qcow2
  aio-image run build/debian-aio.qcow2 --detach     give the terminal back
  aio-image run --list                              what was detached or kept
  aio-image run --stop aio-1a2b3c
"""
# Until a guest that was asked to has powered off, where KVM works and where it does not.
_SHUTDOWN = {"kvm": 90.0, "tcg": 300.0}
_LOOK = 1.0
# cloud-init's default user on Debian.
_SSH_USER = "debian"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command_parser(subparsers, "run", "boot an image for you to use", _DESCRIPTION)
    boot_arguments(parser)
    parser.add_argument("--disk", type=Path, metavar="FILE", help="keep its disk in this QCOW2")
    parser.add_argument(
        "--detach", action="store_true", help="return when it is healthy, and leave it running"
    )
    parser.add_argument("--list", action="store_true", help="list what was detached or kept")
    parser.add_argument("--stop", metavar="NAME", help="end one of those")


def run(args: argparse.Namespace) -> int:
    home = Home.default()
    if args.list:
        return _list(home, as_json=args.json)
    if args.stop:
        kept.stop(home, args.stop)
        return EXIT_OK
    check_image(args)
    offer = offer_of(args.image)
    machine = machine_of(args, offer, offer.appliance, disk=args.disk, restarts=True)
    with (
        events_for(args) as events,
        session(home, args.image, events, keep=args.detach) as room,
    ):
        tell_guess(args.image, events)
        return _run(machine, offer, room, events, detach=args.detach)


def _run(machine: Machine, offer: Offer, room: Session, events: Events, *, detach: bool) -> int:
    with booted(machine, room.home, room.folder, room.console, keep=detach) as appliance:
        if detach:
            kept.note(appliance, room.folder, machine.image)
        try:
            appliance.until_healthy(events, room.cancel, f"Boot {machine.image.name}")
        except ApplianceError:
            if detach:
                events.emit(Notice(_how_to_stop(appliance), level="warning"))
            raise
        events.emit(Result("appliance", _facts(machine, appliance, offer, room)))
        if detach:
            events.emit(Notice(_how_to_stop(appliance)))
            return EXIT_OK
        events.emit(Notice("Ctrl-C ends it"))
        try:
            while hypervisor.running(appliance.domain):
                room.cancel.check()
                time.sleep(_LOOK)
        except Cancelled:
            # Stopped as intended. A disk that is kept is to be whole: the guest closes it itself.
            if machine.disk is not None:
                events.emit(Notice("powering off"))
                with room.cancel.held_back():
                    hypervisor.shut_down(appliance.domain, _SHUTDOWN[appliance.accelerator.name])
            return EXIT_OK
    events.emit(Notice("the appliance powered itself off"))
    return EXIT_OK


def _facts(
    machine: Machine, appliance: Appliance, offer: Offer, room: Session
) -> dict[str, object]:
    target = target_of(appliance, offer, room.folder)
    facts: dict[str, object] = {}
    if offer.dashboard:
        facts["horizon"] = target.url(HTTPS, offer.dashboard)
    facts |= {
        "user": target.user,
        "domain": target.domain,
        "password": target.password,
        "auth_url": target.url(KEYSTONE_PORT, "/v3"),
        "ca": target.url(HTTP, "/aio/ca.pem", "http"),
    }
    if machine.ssh_keys:
        facts["ssh"] = f"ssh -p {target.ports.get(SSH, SSH)} {_SSH_USER}@{target.address}"
    facts |= {"console": str(room.console), "healthy_seconds": round(appliance.watch.seconds, 1)}
    return facts


def _how_to_stop(appliance: Appliance) -> str:
    return f"still running; end it with: aio-image run --stop {appliance.identity.name}"


def _list(home: Home, *, as_json: bool) -> int:
    found = [(one, kept.state(one)) for one in kept.noted(home)]
    if as_json:
        print(json.dumps([{**asdict(one), "state": state} for one, state in found], indent=2))
        return EXIT_OK
    rows = [(one.name, state, one.address or "-", one.image) for one, state in found]
    print("\n".join(columns(rows)) if rows else "nothing was detached or kept")
    return EXIT_OK
