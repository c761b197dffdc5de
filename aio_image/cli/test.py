"""`aio-image test`: boot an image and check that its cloud is healthy."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from aio_image.boot.accelerator import limits
from aio_image.boot.session import session
from aio_image.boot.trial import Trial, run_trial
from aio_image.cli.images import (
    boot_arguments,
    check_image,
    check_manifest,
    machine_of,
    offer_of,
    tell_guess,
)
from aio_image.cli.options import command_parser
from aio_image.cli.reporting import events_for
from aio_image.errors import EXIT_APPLIANCE, EXIT_OK, UsageError
from aio_image.health.check import run_checks
from aio_image.health.client import CheckFailed, Cloud
from aio_image.health.cloud import checks_for
from aio_image.health.status import fetch_status
from aio_image.health.target import Target
from aio_image.host.cancel import Cancel, stopped_by_signals
from aio_image.paths import Home
from aio_image.report.checks import all_passed, results_table, write_json, write_junit
from aio_image.report.events import Events, Notice, Result
from aio_image.report.page import write_page

_DESCRIPTION = """\
Boots a copy of an image under libvirt, waits until it is healthy, and checks its cloud over the
public API, each check by name and with its time:

  boot               it becomes healthy within the time limit (not with --address)
  status             the appliance says healthy, and no unit failed
  tls                the CA comes from the appliance and its certificate holds
  keystone-token     a token over verified TLS; a wrong password is refused
  catalogue          every service is there, at the public address
  endpoints          each public endpoint answers
  image-upload       an image goes up, is listed, comes back the same
  compute-services, network-services, volume-services
  network-lifecycle  a network, a subnet and a router are made and deleted
  volume-lifecycle   a volume becomes available and is deleted
  instance           a tiny instance runs: its own words, with its address, are on its console,
                     and the page of its graphical console answers
  secret             where Barbican runs: a secret is stored, read back and deleted
  stack              where Heat runs: a stack becomes complete and is deleted
  horizon-login      a log-in as a browser does it, to the project's overview
  units, console     no unit failed since; the kernel told of nothing amiss (not with --address)

It fails at once, with the reason and the console's last lines, on a kernel panic, an emergency
shell or a failed unit. Afterwards guest, disk and ports are gone. Needs no root.

examples:
  aio-image test build/debian-aio.qcow2
  aio-image test build/debian-aio.qcow2 --firmware secure --junit results.xml
  aio-image test build/debian-aio.qcow2 --html report.html     with a chart of the boot
  aio-image test build/debian-aio.qcow2 --keep      leave it running, to look inside
  aio-image test --address 192.0.2.10 --password-file admin.txt     one that runs elsewhere

An appliance at --address is to have the services, and is given the time, that the manifest beside
IMAGE says; without IMAGE, those of the default profile. Its time is that of a machine with KVM:
--accelerator tcg stretches it for one that is emulated.
"""
_SUITE = "aio-image test"


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command_parser(
        subparsers, "test", "boot an image and check that its cloud is healthy", _DESCRIPTION
    )
    boot_arguments(parser)
    group = parser.add_argument_group("instead of booting an image")
    group.add_argument("--address", metavar="HOST", help="check the appliance that runs there")
    group.add_argument(
        "--password-file", type=Path, metavar="FILE", help="has its admin's password"
    )
    parser.add_argument(
        "--keep", action="store_true", help="leave the guest running (stop: aio-image run --stop)"
    )
    parser.add_argument("--junit", type=Path, metavar="FILE", help="results as JUnit XML")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="results and a chart of the boot, as one page"
    )
    parser.add_argument(
        "--json-report", type=Path, metavar="FILE", help="results, facts and timeline as JSON"
    )
    parser.add_argument(
        "--timeline", type=Path, metavar="FILE", help="when each unit and API came up, as JSON"
    )


def run(args: argparse.Namespace) -> int:
    if args.address is None:
        check_image(args)
    for report in (args.junit, args.html, args.json_report, args.timeline):
        _check_report(report)
    trial = _check_there(args) if args.address else _boot_and_check(args)
    if not args.json:
        _print(trial, quiet=args.quiet)
    if trial.error is not None:
        raise trial.error
    return EXIT_OK if all_passed(trial.checks) else EXIT_APPLIANCE


def _check_report(path: Path | None) -> None:
    """Raise UsageError when ``path`` cannot be written: now, not after a boot of minutes."""
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{path}: is a folder", hint="name a file for the results")
    nearest = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not os.access(nearest, os.W_OK) or not (nearest == path or nearest.is_dir()):
        raise UsageError(f"{path}: {nearest} cannot be written to", hint="name another file")


def _check_there(args: argparse.Namespace) -> Trial:
    """The checks on an appliance that somebody else booted."""
    with (
        events_for(args) as events,
        stopped_by_signals(Cancel()) as cancel,
        tempfile.TemporaryDirectory(prefix="aio-image-") as folder,
    ):
        target = target_there(args, Path(folder))
        cloud = Cloud(target, cancel)
        trial = Trial(facts={"address": args.address})
        trial.checks = run_checks(checks_for(target), cloud, events)
        with suppress(CheckFailed):
            trial.timeline.merge_status(fetch_status(cloud), kernel_start=0.0)
        _write(args, trial)
    return trial


def target_there(args: argparse.Namespace, folder: Path) -> Target:
    """The cloud at --address, as the checks see it; ``folder`` is theirs.

    Raises UsageError when its password or the manifest of IMAGE cannot be read.
    """
    if args.password_file is None:
        raise UsageError("--address needs --password-file, too")
    try:
        password = args.password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not text"
        raise UsageError(f"--password-file {args.password_file}: {reason}") from error
    if args.image is not None:
        hint = "with --address, IMAGE is only asked for its manifest; or leave it away"
        check_manifest(args.image, hint)
    offer = offer_of(args.image)
    speed = "tcg" if args.accelerator == "tcg" else "kvm"
    times = limits(speed, offer.healthy, offer.check)
    return Target(
        address=args.address,
        password=password,
        folder=folder,
        expected=offer.expected,
        dashboard=offer.dashboard,
        request=times.request,
        resource=times.resource,
    )


def _boot_and_check(args: argparse.Namespace) -> Trial:
    offer = offer_of(args.image)
    machine = machine_of(args, offer, offer.test)
    with (
        events_for(args) as events,
        session(Home.default(), args.image, events, keep=args.keep) as room,
    ):
        tell_guess(args.image, events)
        trial = run_trial(machine, offer, room, events, keep=args.keep)
        _write(args, trial)
        _tell(trial, events)
    return trial


def _write(args: argparse.Namespace, trial: Trial) -> None:
    if args.junit:
        write_junit(args.junit, _SUITE, trial.checks)
    if args.html:
        about = f"{_SUITE} {args.image.name if args.image else args.address}"
        write_page(args.html, about, trial.checks, trial.facts, trial.bars())
    if args.json_report:
        facts = {**trial.facts, "timeline": trial.timeline.as_rows()}
        write_json(args.json_report, _SUITE, trial.checks, facts)
    if args.timeline:
        args.timeline.parent.mkdir(parents=True, exist_ok=True)
        args.timeline.write_text(trial.timeline.as_json(), encoding="utf-8")


def _tell(trial: Trial, events: Events) -> None:
    events.emit(Result("boot", {name: value for name, value in trial.facts.items() if value}))
    if "kept" in trial.facts:
        name = trial.facts["kept"]
        events.emit(Notice(f"still running; end it with: aio-image run --stop {name}"))


def _print(trial: Trial, *, quiet: bool) -> None:
    if not quiet and trial.timeline.moments:
        print("\nseconds after power-on:")
        print("\n".join(trial.timeline.as_text(("milestone", "stage", "api", "page", "check"))))
    if trial.aftermath:
        print("\nafter the last check:")
        print("\n".join(trial.aftermath))
    print("\nresults:")
    print("\n".join(results_table(trial.checks)))
    sys.stdout.flush()
