"""What an examination finds, and how programs are asked."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .. import units as systemd
from ..problems import ApplianceProblem


@dataclass(frozen=True)
class Finding:
    """``what`` is wrong with ``part``, and the ``cure``; ``mend`` does it, None: only a person can.

    ``mend`` raises ApplianceProblem when it does not help.
    """

    part: str
    what: str
    cure: str
    mend: Callable[[], None] | None


def ask(*command: str, seconds: float = 60, home: str = "") -> tuple[int, str]:
    """Exit code and what was said; 124 for a program that does not end, 127 for one not there.

    ``home`` is the container that it is run in.
    """
    try:
        done = subprocess.run(
            systemd.inside(home, command), capture_output=True, text=True, errors="replace",
            timeout=seconds, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return 124, f"{command[0]}: no answer after {seconds:.0f} s"
    except FileNotFoundError:
        return 127, f"{command[0]}: not found"
    return done.returncode, (done.stdout + done.stderr).strip()


def do(*command: str, seconds: float = 900, home: str = "") -> str:
    """What ``command`` says. Raises ApplianceProblem when it fails."""
    code, said = ask(*command, seconds=seconds, home=home)
    if code:
        lines = said.splitlines()
        raise ApplianceProblem(
            f"{' '.join(command[:4])}: {lines[-1] if lines else f'exit {code}'}",
            details=lines[-10:],
        )
    return said


def active(unit: str) -> bool:
    (command,) = systemd.commands(["is-active", "--quiet"], [unit])
    return ask(*command)[0] == 0


def tell(verb: str, *units: str, seconds: float = 900) -> None:
    """``systemctl VERB`` of ``units``, whatever becomes of it."""
    for command in systemd.commands([verb], units):
        ask(*command, seconds=seconds)


def stop(*units: str) -> None:
    """Stop ``units`` and forget that they failed: a unit that failed often is not started again."""
    _tell("stop", units)
    _forget(units)


def kill(*units: str) -> None:
    _tell("kill --signal=KILL", units)


def start(*units: str, seconds: float = 900) -> None:
    _forget(units)
    _tell("start", units, seconds)


def restart(*units: str) -> None:
    _forget(units)
    _tell("restart", units)


def _tell(verb: str, units: Sequence[str], seconds: float = 900) -> None:
    for command in systemd.commands(verb.split(), units):
        do(*command, seconds=seconds)


def _forget(units: Sequence[str]) -> None:
    tell("reset-failed", *units, seconds=60)
