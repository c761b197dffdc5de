"""What root keeps is root's: another user hears so, instead of "never built"."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.host

_READ = """
import os, sys
from pathlib import Path
from aio_image.errors import HostError
from aio_image.paths import Home
from aio_image.plan.kept import read_records
os.setuid(65534)
try:
    print(read_records(Home(Path(sys.argv[1])), "root"))
except HostError as error:
    print(error.message)
"""


def test_another_user_is_told(tmp_path: Path) -> None:
    for above in [tmp_path, *tmp_path.parents[:3]]:
        above.chmod(above.stat().st_mode | 0o011)
    kept = tmp_path / "steps" / "root" / "0123"
    kept.mkdir(parents=True)
    (kept / "step.json").write_text("{}")
    kept.chmod(0o700)
    said = subprocess.run(
        [sys.executable, "-c", _READ, tmp_path],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert said.stdout.strip() == f"{kept}: kept by another user, and not to be read by you"
