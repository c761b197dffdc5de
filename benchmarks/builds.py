"""A build from nothing against its floor, and a build with nothing to do."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aio_image.errors import BuildError
from aio_image.host.process import clean_environment, run
from aio_image.paths import resource
from aio_image.plan.build import make_plan
from aio_image.plan.model import Step
from aio_image.profile.load import load_profile
from aio_image.sources.debian_mirror import choose_mirror
from benchmarks.rows import Row

# Tasks of the bake that make or migrate a database: nobody can set up OpenStack without them.
MIGRATION = re.compile(r"\b(tables|databases and accounts|cells)\b")
_NO_LIMIT = 4 * 3600.0


@dataclass(frozen=True)
class Built:
    """A build that ran: its image, home, seconds, and events (``report.events`` as JSON)."""

    image: Path
    home: Path
    seconds: float
    events: tuple[dict[str, Any], ...]


def build(program: Path, profile: str, home: Path, image: Path) -> Built:
    """Run ``aio-image build`` as a user would. Raises BuildError with its last words."""
    argv: list[str | Path] = [program, "build", profile, "--output", image, "--json"]
    environment = clean_environment({"AIO_IMAGE_HOME": str(home)})
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", encoding="utf-8") as stderr:
        done = subprocess.run(
            argv, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False
        )
        seconds = time.monotonic() - started
        stderr.seek(0)
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode != 0:
            said = [event["message"] for event in events if event.get("event") == "Error"]
            raise BuildError(
                f"exit {done.returncode} from aio-image build: {' '.join(said)}",
                details=stderr.read().splitlines()[-20:],
            )
    return Built(image, home, seconds, tuple(events))


def steps_of(profile: str, home: Path) -> dict[str, Path]:
    """Where ``home`` keeps the result of each step of ``profile``."""
    plan = make_plan(load_profile(profile, []))
    return {step.name: home / "steps" / step.name / step.key for step in plan.steps}


def layers_of(profile: str, home: Path) -> list[Path]:
    """Where ``home`` keeps what the image of ``profile`` is made of, lowest layer first."""
    kept = steps_of(profile, home)
    return [kept[name] for name in make_plan(load_profile(profile, [])).step("image").layers]


def unchanged(program: Path, profile: str, built: Built) -> Row:
    """The same build again: nothing to do."""
    again = build(program, profile, built.home, built.image)
    ran = [event["step"] for event in again.events if event["event"] == "StepStarted"]
    if ran:
        raise BuildError(f"an unchanged build ran steps: {', '.join(ran)}")
    return Row("unchanged rebuild", again.seconds, "s", target=5)


def cold(built: Built, profile: str) -> list[Row]:
    """``built``, made in an empty home, against its floor, which is measured now; and its steps."""
    migrations = migration_seconds(built.events)
    packages = mmdebstrap_seconds(profile, built.home)
    total = Row(
        "cold build",
        built.seconds,
        "s",
        target_ratio=1.3,
        floor=packages + migrations,
        floor_name=f"mmdebstrap {packages:.0f} s + database migrations {migrations:.0f} s",
    )
    steps = [
        Row(f"  step {event['step']}", event["seconds"], "s")
        for event in built.events
        if event["event"] == "StepFinished"
    ]
    return [total, *steps]


def migration_seconds(events: Sequence[Mapping[str, Any]]) -> float:
    """Seconds of the bake in which at least one database was being made or migrated.

    Roles run side by side, so what counts is the union of their tasks; a task of a role lasts
    until the next thing that role, or the step itself, tells.
    """
    bake = [event for event in events if event.get("step") == "bake"]
    spans = []
    for number, event in enumerate(bake):
        if event["event"] != "StepProgress" or not MIGRATION.search(event["message"]):
            continue
        role = event["message"].split(" : ")[0]
        ends = (
            later["at"]
            for later in bake[number + 1 :]
            if later["event"] != "StepProgress" or later["message"].split(" : ")[0] == role
        )
        spans.append((event["at"], next(ends, bake[-1]["at"])))
    total = reached = 0.0
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def mmdebstrap_seconds(profile: str, home: Path) -> float:
    """Seconds mmdebstrap takes to unpack the very packages of the image into a folder.

    Its own defaults, from the mirror the build uses, nothing downloaded before: what anybody gets
    who types that list. The image's empty stand-in package goes in first, or the list would
    pull in what the image leaves out.
    """
    root: Step = make_plan(load_profile(profile, [])).step("root")
    kept = (home / "steps" / "root" / root.key / "packages.txt").read_text().splitlines()
    names = [line.split()[0] for line in kept]
    settings = root.settings
    mirror = choose_mirror(
        settings["system.release"],
        settings["mirrors.debian"],
        architecture=settings["system.architecture"],
    )
    with tempfile.TemporaryDirectory(prefix="aio-bench-", dir=home) as scratch:
        sources, conf, stand_in = (Path(scratch, name) for name in ("sources", "conf", "stand-in"))
        sources.write_text(mirror.as_sources())
        conf.write_text(mirror.config.as_apt_conf())
        stand_in.write_text("".join(f"{name}\n" for name in settings.get("stand_in", ())))
        hook = resource("elements") / "aio-root/extra/stand-in"
        started = time.monotonic()
        run(
            [
                "mmdebstrap", "--mode=root", "--format=directory", "--variant=apt",
                f"--architectures={settings['system.architecture']}",
                '--aptopt=APT::Install-Recommends "false"',
                f"--aptopt={conf}",
                f'--essential-hook={hook} "$1"',
                f"--include={','.join(name for name in names if name != 'aio-stand-in')}",
                settings["system.release"], Path(scratch, "root"), sources,
            ],
            env={"AIO_STAND_IN": str(stand_in)},
            timeout=_NO_LIMIT,
        )  # fmt: skip
        return time.monotonic() - started
