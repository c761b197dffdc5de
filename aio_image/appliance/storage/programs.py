"""The programs that do the work. Each call is a moment at which the power may go."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection
from pathlib import Path

from ..problems import ApplianceProblem


def run(*command: str | Path, accept: Collection[int] = (0,), cure: str = "") -> str:
    """What ``command`` printed, stripped. ApplianceProblem when its exit code is not accepted."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            env={**os.environ, "LC_ALL": "C"}, check=False,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise ApplianceProblem(f"{words[0]}: not installed", hint="apt install it") from error
    if done.returncode not in accept:
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        raise ApplianceProblem(
            f"{' '.join(words)}: {said[-1].strip() if said else f'exit {done.returncode}'}",
            hint=cure,
            details=said[:-1],
        )
    return done.stdout.strip()


def attempt(*command: str | Path) -> bool:
    """Whether ``command`` could do it."""
    try:
        run(*command)
    except ApplianceProblem:
        return False
    return True
