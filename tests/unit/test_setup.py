"""tools/setup and its table of packages; the set-up itself is proven by CI on a clean machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

import pytest

from aio_image.paths import resource

ROOT = Path(__file__).resolve().parents[2]
TABLE = [
    line.split(maxsplit=2)
    for line in (resource("tools") / "packages.txt").read_text().splitlines()
    if not line.startswith("#")
]


def _setup(*argv: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "tools/setup", *argv],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_package_has_releases_and_a_reason() -> None:
    assert all(len(row) == 3 for row in TABLE)
    assert {releases for _, releases, _ in TABLE} <= {"any", "12", "13"}
    names = [name for name, _, _ in TABLE]
    assert names == sorted(set(names))


def test_unknown_option_is_a_usage_error() -> None:
    done = _setup("--chek")
    assert done.returncode == 2
    assert "usage: tools/setup" in done.stderr


def test_check_lists_and_changes_nothing(tmp_path: Path) -> None:
    """In a checkout that was never set up, from a copy of what the set-up reads."""
    for name in ("pyproject.toml", "tools/setup", "tools/packages.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        ["bash", tmp_path / "tools/setup", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert f"{tmp_path}/.venv" in done.stdout.replace("\n    ", "")
    assert sorted(tmp_path.rglob("*")) == before


def test_second_run_does_nothing_and_says_nothing() -> None:
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("these tests run outside the checkout's own .venv")
    before = getrusage(RUSAGE_CHILDREN)
    done = _setup()
    after = getrusage(RUSAGE_CHILDREN)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # 0.04 s on an idle machine: what matters is that nobody waits for it. In processor time, which
    # a busy machine does not stretch as it does the clock.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1
