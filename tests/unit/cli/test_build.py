"""`aio-image build` when there is nothing to do, and before anything is done."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aio_image import errors
from aio_image.manifest.deliver import deliver
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.profile.load import load_profile
from tests.waiting import PATIENCE

_ROOT = Path(__file__).parents[3]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home in which everything of debian-aio is kept. The image is a small file."""
    home = Home(tmp_path / "home")
    plan = make_plan(load_profile("debian-aio"))
    now = datetime.now(UTC).isoformat()
    for step in plan.steps:
        folder = home.steps / step.name / step.key
        folder.mkdir(parents=True)
        record = {
            "step": step.name,
            "profile": plan.profile,
            "key": step.key,
            "inputs": [{"label": each.label, "digest": each.digest} for each in step.inputs],
            "settings": dict(step.settings),
            "needs": {name: plan.step(name).key for name in step.needs},
            "finished": now,
            "seconds": 1.0,
        }
        (folder / "step.json").write_text(json.dumps(record))
    image = _image(home)
    image.write_bytes(b"disk" * 1000)
    facts = {
        "sha256": hashlib.sha256(image.read_bytes()).hexdigest(),
        "bytes": image.stat().st_size,
        "modified": image.stat().st_mtime_ns,
    }
    _manifest(home).write_text(json.dumps({"image": facts}))
    return home


def _image(home: Home) -> Path:
    return next((home.steps / "image").iterdir()) / "image.qcow2"


def _manifest(home: Home) -> Path:
    return next((home.steps / "manifest").iterdir()) / "manifest.json"


def _build(home: Home, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "aio_image", "build", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(_ROOT), "AIO_IMAGE_HOME": str(home.root)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def test_nothing_changed_is_said_at_once_and_needs_no_root(home: Home, tmp_path: Path) -> None:
    deliver(_image(home), _manifest(home), tmp_path / "build" / "debian-aio.qcow2")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = _build(home, tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert "nothing to do" in done.stdout
    assert "build/debian-aio.qcow2" in done.stdout
    # The promise is 5 s by the clock; by processor time a busy machine cannot break it.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2.5


def test_nothing_changed_in_json(home: Home, tmp_path: Path) -> None:
    deliver(_image(home), _manifest(home), tmp_path / "mine.qcow2")
    done = _build(home, tmp_path, "--output", "mine.qcow2", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["event"] for each in events] == ["Notice", "Result"]
    assert events[-1]["facts"]["path"] == "mine.qcow2"


def test_a_strangers_file_is_refused_before_anything_is_built(home: Home, tmp_path: Path) -> None:
    target = tmp_path / "mine.qcow2"
    target.write_bytes(b"precious")
    done = _build(home, tmp_path, "--output", "mine.qcow2")
    assert done.returncode == errors.EXIT_USAGE
    assert "aio-image did not make it" in done.stderr
    assert target.read_bytes() == b"precious"


@pytest.mark.skipif(os.geteuid() != 0, reason="the copy is made as root")
def test_a_kept_image_is_handed_over_without_a_build(home: Home, tmp_path: Path) -> None:
    done = _build(home, tmp_path, "--quiet")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "build" / "debian-aio.qcow2").read_bytes() == _image(home).read_bytes()
    assert {path.name for path in (tmp_path / "build").iterdir()} == {
        "debian-aio.qcow2",
        "debian-aio.qcow2.sha256",
        "debian-aio.manifest.json",
    }
