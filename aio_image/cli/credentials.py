"""`aio-image credentials`: make this machine a client of an appliance."""

from __future__ import annotations

import argparse
import re
import socket
from pathlib import Path

import requests

from aio_image.cli.options import HelpFormatter, output_options
from aio_image.cli.reporting import events_for
from aio_image.client import clouds, remote
from aio_image.errors import EXIT_OK, UsageError
from aio_image.report.events import Events, Notice, Result

_DESCRIPTION = """\
Fetches the credentials of an appliance's administrator over ssh and puts them where the openstack
client looks: one entry in clouds.yaml (what else is in it stays as it is) and the appliance's CA
beside it. ssh is the system's own, with your keys, agent, configuration and known hosts.

examples:
  aio-image credentials 192.0.2.10
  openstack --os-cloud aio-192.0.2.10 token issue

  aio-image credentials lab --cloud lab --ssh-option=-p --ssh-option=2222
"""
_FOLDER = Path("~/.config/openstack")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LOOK_SECONDS = 5


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "credentials",
        help="bring an appliance's clouds.yaml and CA to this machine, over ssh",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        parents=[output_options()],
    )
    parser.add_argument("host", metavar="HOST", help="as ssh knows it; may be USER@HOST")
    parser.add_argument("--user", help="who to be there (default: debian)")
    parser.add_argument(
        "--ssh-option", action="append", default=[], metavar="WORD", dest="ssh_options",
        help="a word for ssh's command line, as --ssh-option=-p; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--cloud", metavar="NAME", help="its name in clouds.yaml (default: aio-HOST)"
    )
    parser.add_argument(
        "--output", type=Path, default=_FOLDER, metavar="FOLDER",
        help="where clouds.yaml is, or is to be (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--force", action="store_true", help="replace another cloud that has this name"
    )


def run(args: argparse.Namespace) -> int:
    user, _, host = args.host.rpartition("@")
    if user and args.user:
        raise UsageError(f"{args.host} and --user {args.user} name two users")
    name = args.cloud or f"aio-{host.strip('[]').replace(':', '-')}"
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' is no name for a cloud", hint="--cloud NAME, of letters, digits, . _ -"
        )
    told = remote.ask(args.user or user or "debian", host, args.ssh_options)
    folder = args.output.expanduser().absolute()
    ca, file = folder / f"{name}-ca.pem", folder / "clouds.yaml"
    changed = clouds.put(file, name, told.cloud | {"cacert": str(ca)}, force=args.force)
    clouds.write(ca, told.ca, 0o644)
    auth_url = told.cloud["auth"]["auth_url"]
    with events_for(args) as events:
        _tell_of_names(told, host, args.ssh_options, events)
        _try(auth_url, ca, events)
        facts = {"name": name, "url": auth_url, "file": str(file), "ca": str(ca)}
        if not changed:
            events.emit(Notice(f"{file} has them already"))
        events.emit(Result("cloud", facts))
        events.emit(Notice(f"try: {_where(folder)}openstack --os-cloud {name} token issue"))
    return EXIT_OK


def _tell_of_names(told: remote.Told, host: str, options: list[str], events: Events) -> None:
    """Say so where the appliance goes by another name than the one it was reached by."""
    place = remote.place_of(host, options)
    known = {told.host, told.address}
    if known & {host, place} or known & _addresses(place):
        return
    events.emit(
        Notice(
            f"ssh went to {place}, but the appliance's endpoints are at {told.host}: "
            "that is where clients will look for it",
            level="warning",
        )
    )


def _addresses(name: str) -> set[str]:
    try:
        return {str(row[4][0]) for row in socket.getaddrinfo(name, None)}
    except OSError:
        return set()


def _try(auth_url: str, ca: Path, events: Events) -> None:
    """Warn when the cloud does not answer here, with its certificate verified."""
    try:
        with requests.Session() as session:
            session.get(auth_url, verify=str(ca), timeout=_LOOK_SECONDS).raise_for_status()
    except requests.RequestException as error:
        reason = str(error).partition("\n")[0][:200]
        events.emit(
            Notice(
                f"{auth_url} does not answer from here: {reason}. Does its name resolve? Is its "
                "port let through (aio credentials --cloud)? Is a proxy between (NO_PROXY)?",
                level="warning",
            )
        )


def _where(folder: Path) -> str:
    """What finds a clouds.yaml that is not where the client looks by itself."""
    usual = _FOLDER.expanduser().absolute()
    return "" if folder == usual else f"OS_CLIENT_CONFIG_FILE={folder / 'clouds.yaml'} "
