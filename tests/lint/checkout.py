"""Finding linters and the files they read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The virtual environment's programs first: their versions are the project's.
_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def files(*under: str) -> list[Path]:
    """Every file that is, or could be, committed below the folders ``under`` (or all)."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *under],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.fail(f"git cannot list the checkout: {listed.stderr.strip()}")
    # A file deleted but not yet committed is still listed.
    names = (ROOT / name for name in listed.stdout.split("\0") if name)
    return [path for path in names if path.is_file()]


def lint(argv: Sequence[str | Path], **variables: str) -> None:
    """Run a linter in the checkout; what it says is the failure."""
    program = shutil.which(argv[0], path=_PATH)
    if program is None:
        pytest.fail(f"{argv[0]} is missing: run `make setup`")
    done = subprocess.run(
        [program, *(str(word) for word in argv[1:])],
        cwd=ROOT,
        env={**os.environ, "PATH": _PATH, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        pytest.fail(f"{argv[0]} (exit {done.returncode}):\n{done.stdout}", pytrace=False)
