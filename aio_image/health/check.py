"""What a check is, and running a list of them in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import requests

from aio_image.health.client import CheckFailed, Cloud
from aio_image.report.events import CheckFinished, Events

OK, FAILED, SKIPPED = "ok", "failed", "skipped"


@dataclass(frozen=True)
class Check:
    """``run`` returns a detail worth reading and raises CheckFailed. It leaves nothing behind.

    ``needs`` names checks without which this one says nothing: it is skipped when one of them
    failed or was skipped.
    """

    name: str
    run: Callable[[Cloud], str]
    needs: tuple[str, ...] = ()


def select(checks: Sequence[Check], names: Collection[str]) -> tuple[Check, ...]:
    """The checks of ``names`` and those they need, in order; all of them when none is named.

    KeyError for names there are no checks of.
    """
    known = {check.name: check for check in checks}
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise KeyError(*unknown)
    wanted: set[str] = set()
    waiting = list(names or known)
    while waiting:
        name = waiting.pop()
        if name in known and name not in wanted:
            wanted.add(name)
            waiting += known[name].needs
    return tuple(check for check in checks if check.name in wanted)


def run_checks(checks: Sequence[Check], cloud: Cloud, events: Events) -> list[CheckFinished]:
    """Run ``checks`` in order, telling ``events`` of each. Raises only Cancelled."""
    results: dict[str, CheckFinished] = {}
    for check in checks:
        cloud.cancel.check()
        unmet = [name for name in check.needs if name in results and results[name].outcome != OK]
        if unmet:
            result = CheckFinished(check.name, SKIPPED, 0.0, f"needs {', '.join(unmet)}")
        else:
            result = _run(check, cloud)
        results[check.name] = result
        events.emit(result)
    return list(results.values())


def _run(check: Check, cloud: Cloud) -> CheckFinished:
    begin = time.monotonic()
    detail, outcome, hint = "", FAILED, ""
    try:
        detail, outcome = check.run(cloud), OK
    except CheckFailed as error:
        detail, hint = error.message, error.hint
    except (KeyError, IndexError, TypeError, ValueError, requests.RequestException) as error:
        # A service that answers 200 with something else than its API says.
        detail = f"an answer that cannot be understood: {type(error).__name__}: {error}"
    return CheckFinished(check.name, outcome, time.monotonic() - begin, detail, hint)
