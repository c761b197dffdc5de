"""The manifest step on a real image file."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path

import pytest

from aio_image.errors import BuildError
from aio_image.execution.context import StepContext
from aio_image.manifest.step import run
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.profile.load import load_profile
from aio_image.report.events import Events

pytestmark = pytest.mark.host


@pytest.fixture
def ctx(tmp_path: Path) -> StepContext:
    plan = make_plan(load_profile("debian-aio"))
    inputs = {}
    for name in plan.step("manifest").needs:
        inputs[name] = tmp_path / name
        inputs[name].mkdir()
        record = {"key": plan.step(name).key, "finished": "2026-11-22T08:10:00+00:00"}
        (inputs[name] / "step.json").write_text(json.dumps({**record, "seconds": 2.5}))
    (inputs["root"] / "packages.txt").write_text("bash 5.2.37-2 7000\nnova-api 2:31.0-1 12\n")
    (inputs["gate"] / "gate.json").write_text('{"healthy": true}')
    raw = tmp_path / "disk.raw"
    with raw.open("wb") as file:
        file.write(b"\xebcontent" * 1000)
        file.truncate(12 << 30)
    subprocess.run(
        ["qemu-img", "convert", "-c", "-O", "qcow2", "-o", "compression_type=zstd",
         raw, inputs["image"] / "image.qcow2"],
        check=True,
    )  # fmt: skip
    output, work = tmp_path / "output", tmp_path / "work"
    output.mkdir()
    work.mkdir()
    log = tmp_path / "log"
    log.touch()
    return StepContext(
        step=plan.step("manifest"),
        home=Home(tmp_path / "home"),
        inputs=inputs,
        output=output,
        work=work,
        log=log,
        events=Events(),
    )


def test_it_says_what_is_in_the_image(ctx: StepContext) -> None:
    run(ctx)
    told = json.loads((ctx.output / "manifest.json").read_text())
    image = ctx.inputs["image"] / "image.qcow2"
    summed = subprocess.run(["sha256sum", image], check=True, capture_output=True, text=True)
    assert told["image"]["sha256"] == summed.stdout.split()[0]
    assert told["image"]["bytes"] == image.stat().st_size
    assert told["image"]["virtual_bytes"] == 12 << 30
    assert told["image"]["compression"] == "zstd"
    assert told["profile"] == "debian-aio"
    assert told["system"] == {
        "distribution": "debian", "release": "trixie", "architecture": "amd64",
    }  # fmt: skip
    assert told["test"]["limits"]["healthy"] > 0
    assert told["test"]["cpus"] > 0
    assert told["gate"] == {"healthy": True}
    assert set(told["steps"]) == {"root", "bake", "seal", "gate", "image"}
    assert told["packages"] == [
        {"name": "bash", "version": "5.2.37-2"},
        {"name": "nova-api", "version": "2:31.0-1"},
    ]
    assert all(told["made_with"].values())


def test_a_smaller_disk_than_asked_for_is_refused(ctx: StepContext) -> None:
    settings = {**ctx.step.settings, "image.size": 13 << 30}
    larger = dataclasses.replace(ctx, step=dataclasses.replace(ctx.step, settings=settings))
    with pytest.raises(BuildError, match="not qcow2 of 13958643712 bytes"):
        run(larger)
    assert not list(ctx.output.iterdir())
