"""`aio-image lock`: a profile's git sources, resolved to commits."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from aio_image.cli.options import (
    HelpFormatter,
    build_home,
    output_options,
    profile_arguments,
)
from aio_image.deployers.openstack_ansible import locking
from aio_image.errors import HostError, UsageError
from aio_image.profile.load import load_profile
from aio_image.sources.git.client import Git
from aio_image.sources.git.mirrors import VARIABLE, chosen
from aio_image.sources.git.pins import Lock

_DESCRIPTION = f"""\
Resolves the OpenStack-Ansible release of a profile, and every git repository it names (roles,
collections, services, their requirements), to commits: services of the scenario, and those that
openstack_ansible.additions carries for later. A build uses those of the lock file and nothing else.
Shallow copies of them are kept, with the tags that versions are made of.

A commit that cannot be had is an error that names it. Two ways out, both written into the lock:
--nearest takes the head of the branch the release follows, --without leaves the repository out.

mirrors (--mirror, or words in ${VARIABLE}, or mirrors.git of the profile):
  /srv/git               a folder or URL with opendev.org/openstack/nova and so on below it
  github.com=URL         one host only

examples:
  aio-image lock osa-aio-metal
  aio-image lock osa-aio-metal --release 33.0.1 --mirror /srv/git
  aio-image lock ./mine.yaml --mirror /srv/git --nearest os_nova --without frrouting
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "lock",
        help="resolve a profile's git sources to commits",
        description=_DESCRIPTION,
        formatter_class=HelpFormatter,
        parents=[output_options()],
    )
    profile_arguments(parser)
    parser.add_argument(
        "--release", help="tag, series, branch or commit, or `latest` (default: the profile's)"
    )
    parser.add_argument(
        "--mirror", action="append", default=[], help="folder, URL, or HOST=URL; repeatable"
    )
    parser.add_argument(
        "--nearest",
        action="append",
        default=[],
        metavar="NAME",
        help="the head of its branch will do where the commit is not to be had; `all` for any",
    )
    parser.add_argument(
        "--without", action="append", default=[], metavar="NAME", help="do without it"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="the lock (default: the profile's, see `show`)"
    )


def run(args: argparse.Namespace) -> int:
    loaded = load_profile(args.profile, args.settings)
    profile = loaded.profile
    if profile.deployer != locking.NAME:
        raise UsageError(
            f"profile {loaded.name}: the deployer {profile.deployer} has no git sources",
            hint=f"lock is for profiles of {locking.NAME}",
        )
    store = build_home().downloads / "git"
    nearest = next(each for each in (store, *store.parents) if each.exists())
    if not os.access(nearest, os.W_OK):
        raise HostError(
            f"{store}: cannot be written to: copies of the sources are kept there, for builds",
            hint="run `aio-image lock` as root, or set AIO_IMAGE_HOME to a folder of your own",
        )
    git = Git(store, chosen(args.mirror, profile.mirrors.git))
    allowed = locking.Allowed(frozenset(args.nearest), frozenset(args.without))
    found = locking.lock(
        git,
        args.release or profile.openstack_ansible.release,
        loaded.scenario.text,
        loaded.scenario.expanded,
        allowed=allowed,
        told=lambda name, done, total: _told(args, name, done, total),
        later=loaded.additions,
    )
    path = args.output or loaded.lock_path
    new = path.with_name(f".{path.name}.new")
    new.write_text(found.text(), "utf-8")
    new.replace(path)
    _say(args, found, path)
    return 0


def _told(args: argparse.Namespace, name: str, done: int, total: int) -> None:
    if args.quiet:
        return
    if args.json:
        print(json.dumps({"event": "SourceFound", "name": name, "done": done, "total": total}))
    else:
        print(f"{done:3}/{total}  {name}", flush=True)


def _say(args: argparse.Namespace, found: Lock, path: Path) -> None:
    instead = [pin for pin in found.sources if pin.instead]
    if args.json:
        facts = {
            "event": "Locked",
            "path": str(path),
            "release": found.release,
            "series": found.series,
            "digest": found.digest(),
            "sources": len(found.sources),
            "instead": {pin.name: pin.instead for pin in instead},
            "left_out": [one.name for one in found.left_out],
        }
        print(json.dumps(facts))
        return
    for pin in instead:
        print(f"! {pin.name}: {pin.asked[:12]} is not there: {pin.instead}, {pin.commit[:12]}")
    for one in found.left_out:
        print(f"! {one.name}: left out")
    print(f"{path}: {found.release} ({found.series}), {len(found.sources)} sources")
