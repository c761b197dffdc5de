"""OpenStack-Ansible from a mirror of its repositories: locked, built, booted, and its figures.

`make test-osa MIRROR=…` runs it, and no other command: it takes an hour or more, and what it is
told comes by the environment:

AIO_IMAGE_TEST_OSA_MIRROR   folder or URL with opendev.org/openstack/nova and so on; more by spaces
AIO_IMAGE_TEST_OSA_PROFILE  the profile (osa-aio-metal)
AIO_IMAGE_TEST_OSA_RELEASE  tag, series, branch or commit, or latest (the profile's)
AIO_IMAGE_TEST_OSA_LEVEL    staged or deployed (the profile's)
AIO_IMAGE_TEST_OSA_NEAREST  repositories whose branch's head will do, or all
AIO_IMAGE_TEST_OSA_WITHOUT  repositories to do without
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.plan.model import Plan
from aio_image.profile.load import load_profile
from aio_image.sources.git.pins import Lock, read
from tests.boot.conftest import told
from tests.boot.native.disk import RootDisk
from tests.boot.native.staged import deploys_itself
from tests.boot.table import Table
from tests.osa import figures
from tests.private import in_private

pytestmark = pytest.mark.boot
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Asked:
    """What the environment asks for, as words of the command line."""

    mirrors: tuple[str, ...]
    profile: str
    settings: tuple[str, ...]
    lock: Path
    image: Path

    def locking(self) -> list[str]:
        words = ["lock", self.profile, "--output", str(self.lock)]
        words += [word for mirror in self.mirrors for word in ("--mirror", mirror)]
        release = told("OSA_RELEASE", "")
        words += ["--release", release] if release else []
        for option in ("nearest", "without"):
            names = told(f"OSA_{option.upper()}", "").split()
            words += [word for name in names for word in (f"--{option}", name)]
        return words

    def building(self) -> list[str]:
        words = ["build", self.profile, "--output", str(self.image)]
        return words + [word for one in self.settings for word in ("--set", one)]


@pytest.fixture
def asked() -> Asked:
    mirrors = tuple(told("OSA_MIRROR", "").split())
    if not mirrors:
        pytest.skip("no mirror of OpenStack-Ansible's repositories: `make test-osa MIRROR=FOLDER`")
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts and containers")
    profile = told("OSA_PROFILE", "osa-aio-metal")
    level = told("OSA_LEVEL", "")
    stem = "-".join(filter(None, [profile, level]))
    lock = _ROOT / "build" / f"{stem}.lock.yaml"
    lock.parent.mkdir(exist_ok=True)
    settings = [f"openstack_ansible.lock={lock}", *([f"level={level}"] if level else [])]
    if level == "staged":
        settings.append("openstack_ansible.additions=[]")
    return Asked(mirrors, profile, tuple(settings), lock, lock.with_name(f"{stem}.qcow2"))


def test_from_a_mirror_to_a_healthy_cloud(asked: Asked, results: Path, tmp_path: Path) -> None:
    """As far as this version's plan goes; the table says which step that is."""
    locking = _command(asked.locking())
    assert locking.status == 0, locking.said
    lock = read(asked.lock)
    _tell_replaced(lock, results)
    plan = make_plan(load_profile(asked.profile, asked.settings))
    table = Table(
        results,
        "osa-build",
        figures.STEP_COLUMNS,
        profile=asked.profile,
        release=lock.release,
        repositories=len(lock.sources),
        replaced=len(figures.replaced(lock)),
        lock_seconds=locking.seconds,
        plan=" ".join(step.name for step in plan.steps),
    )
    building = _command(asked.building())
    for row in figures.steps(plan, Home.default()):
        table.add(**row)
    for step in plan.steps:
        if step.name in ("stores", "additions"):
            kept = Home.default().steps / step.name / step.key
            told = figures.stores(kept) if kept.is_dir() else "not made"
            table.note(**{step.name: told})
    table.note(build_seconds=building.seconds, build="whole" if not building.status else "failed")
    assert building.status == 0, building.said
    if "image" not in plan.targets:
        table.note(image=f"none: the plan ends at {plan.steps[-1].name} in this version")
        return
    table.note(image=f"{asked.image.stat().st_size / 1e6:.0f} MB")
    if "stage" in {step.name for step in plan.steps}:
        # A whole deploy: in a machine without KVM that would take half a day.
        disk = RootDisk.of_image(asked.image, tmp_path / "disk.raw")
        in_private(lambda: deploys_itself(disk, tmp_path, results))
    else:
        _boot(asked, plan, table)


def _boot(asked: Asked, plan: Plan, table: Table) -> None:
    report = table.folder / "osa-boot.json"
    booting = _command(["test", str(asked.image), "--json-report", str(report)])
    if report.is_file():
        checks = json.loads(report.read_text("utf-8"))["checks"]
        table.note(boot={one["check"]: one["outcome"] for one in checks})
    table.note(boot_seconds=booting.seconds)
    assert booting.status == 0, f"{plan.profile}: {booting.said}"


def _tell_replaced(lock: Lock, results: Path) -> None:
    table = Table(results, "osa-replaced", figures.REPLACED_COLUMNS, release=lock.release)
    for row in figures.replaced(lock):
        table.add(**row)


@dataclass(frozen=True)
class _Ended:
    status: int
    seconds: float
    said: str


def _command(words: Sequence[str]) -> _Ended:
    """Run aio-image; what it says goes on to our own output (``-s``), the end of it is kept."""
    print(f"+ aio-image {' '.join(words)}", flush=True)
    began, said = time.monotonic(), [""]
    with subprocess.Popen(
        [sys.executable, "-m", "aio_image", *words, "--plain"],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            print(line, end="", flush=True)
            said = [*said, line][-40:]
    return _Ended(child.returncode, round(time.monotonic() - began, 1), "".join(said))
