"""Running the checks: all of them for `aio-image doctor`, the needed ones before other work."""

from __future__ import annotations

import time

from aio_image.deployers import HostNeeds
from aio_image.doctor.kernel import kernel_checks, probe_error
from aio_image.doctor.model import Host, HostCheck, Purpose
from aio_image.doctor.programs import program_checks
from aio_image.doctor.room import room_checks
from aio_image.doctor.virtualisation import virtualisation_checks
from aio_image.errors import HostError
from aio_image.paths import Home
from aio_image.report.events import CheckFinished, Events, Notice


def all_checks() -> tuple[HostCheck, ...]:
    return (*program_checks(), *kernel_checks(), *virtualisation_checks(), *room_checks())


def checks_for(purpose: Purpose) -> tuple[HostCheck, ...]:
    """The checks whose failure means that ``purpose`` (build or boot) cannot work."""
    return tuple(check for check in all_checks() if purpose in check.purposes)


def examine(host: Host, events: Events) -> list[CheckFinished]:
    """Every check; each is told to ``events`` as it ends. Some seconds where ``host`` is thorough.

    As root the host's devices and namespaces are tried out for real; otherwise those are skipped.
    """
    results = []
    for check in all_checks():
        result = run_check(check, host)
        events.emit(result)
        results.append(result)
    return results


def require(home: Home, purpose: Purpose, events: Events, needs: HostNeeds | None = None) -> None:
    """Make sure that ``purpose`` can work here: for the start of a build or a boot; about 0.2 s.

    ``needs`` is what this very build takes. Warnings become Notices. Raises one HostError for all
    that failed, a detail line each.
    """
    host = Host(home, home, thorough=False, needs=needs)
    results = [run_check(check, host) for check in checks_for(purpose) if check.at_start]
    for result in results:
        if result.outcome == "warning":
            events.emit(Notice(f"{result.check}: {result.detail}", level="warning"))
    bad = [result for result in results if result.outcome == "failed"]
    if bad:
        count = "one thing" if len(bad) == 1 else f"{len(bad)} things"
        raise HostError(
            f"this host lacks {count} that a {purpose} needs",
            hint="`aio-image doctor` checks everything",
            details=[f"{each.check}: {each.detail}; {each.hint}" for each in bad],
        )


def run_check(check: HostCheck, host: Host) -> CheckFinished:
    """Run one check. An error or a refusal inside it is a failed check, not a crash."""
    began = time.monotonic()
    try:
        found = check.probe(host)
    except HostError as error:
        found = probe_error(error)
    except OSError as error:
        found = probe_error(HostError(f"{error.strerror}: {error.filename}"))
    seconds = time.monotonic() - began
    return CheckFinished(check.name, found.outcome, seconds, found.detail, found.hint)
