"""`aio-image doctor`: is this host fit to build and boot images?"""

from __future__ import annotations

import argparse

from aio_image.cli.options import build_home, command_parser, profile_arguments
from aio_image.cli.reporting import events_for
from aio_image.doctor.checks import checks_for, examine
from aio_image.doctor.model import BOOT, BUILD, Host, Packages
from aio_image.errors import EXIT_HOST, EXIT_OK
from aio_image.paths import Home
from aio_image.profile.load import load_profile
from aio_image.report.checks import results_table
from aio_image.report.events import Notice

_DESCRIPTION = """\
Checks this host and says how to mend what it finds: programs and their versions, namespaces,
loop devices, overlays, whether KVM really runs a guest, memory, disk, the mirror of packages.

As root the checks try things out for real; otherwise those are skipped. Builds and boots run
the checks they need by themselves. PROFILE says which system's release the mirror must serve, and
what a build takes: disk, inotify instances, programs.

Exit code 3 when something that a build or a boot needs is missing.

examples:
  sudo aio-image doctor
  aio-image doctor --set mirrors.debian=http://mirror.example.com/debian
  aio-image doctor osa-aio-lxc     what a build of that profile takes
  aio-image doctor --for boot      only what booting an image needs decides the exit code
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command_parser(
        subparsers, "doctor", "check this host, and say how to mend it", _DESCRIPTION
    )
    profile_arguments(parser)
    parser.add_argument(
        "--for",
        dest="purpose",
        choices=(BUILD, BOOT),
        help="what the host is for (default: both)",
    )


def run(args: argparse.Namespace) -> int:
    purposes = (args.purpose,) if args.purpose else (BUILD, BOOT)
    needed = {check.name for purpose in purposes for check in checks_for(purpose)}
    profile = load_profile(args.profile, args.settings)
    system = profile.profile.system
    packages = Packages(
        system.distribution, system.release, profile.setting(f"mirrors.{system.distribution}")
    )
    host = Host(Home.default(), build_home(), thorough=True, packages=packages, needs=profile.needs)
    with events_for(args) as events:
        results = examine(host, events)
        events.emit(Notice(results_table(results)[-1]))
    bad = [each for each in results if each.outcome == "failed" and each.check in needed]
    return EXIT_HOST if bad else EXIT_OK
