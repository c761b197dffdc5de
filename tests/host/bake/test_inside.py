"""Bodies of steps run in private namespaces: what they say and raise comes out."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from aio_image.bake.inside import run_inside
from aio_image.errors import BuildError, Cancelled, MirrorError
from aio_image.execution.context import StepContext
from aio_image.host.process import run
from aio_image.paths import Home
from aio_image.plan.model import Input, Step
from aio_image.report.events import Event, Events, Notice, StepFinished, StepProgress
from tests.waiting import wait_for

pytestmark = pytest.mark.host


def tells(ctx: StepContext) -> None:
    run(["mount", "-t", "tmpfs", "tmpfs", ctx.work])
    (ctx.output / "pid").write_text(str(os.getpid()))
    ctx.progress("half way", 0.5)
    print("only for the log")
    ctx.events.emit(Notice("mind this", "warning"))
    ctx.events.emit(StepFinished("bake", "not a step's to say", 1.0))
    assert ctx.step.settings == {"services": ["keystone"]}
    assert ctx.step.inputs == (Input("a", "b"),)
    assert ctx.inputs == {"root": Path("/kept/root")}
    assert ctx.layers == (Path("/kept/root"),)


def raises_ours(_ctx: StepContext) -> None:
    raise MirrorError("no mirror", hint="name one", details=["a", "b"])


def raises_other(_ctx: StepContext) -> None:
    {}["missing"]


def dies(_ctx: StepContext) -> None:
    os._exit(9)


def waits(ctx: StepContext) -> None:
    ctx.progress("waiting")
    time.sleep(3600)


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def ctx(tmp_path: Path, told: list[Event]) -> StepContext:
    for name in ("output", "work"):
        (tmp_path / name).mkdir()
    return StepContext(
        step=Step(
            "bake",
            "Bake",
            ("root",),
            {"services": ["keystone"]},
            (Input("a", "b"),),
            "k",
            layers=("root",),
        ),
        home=Home(tmp_path),
        inputs={"root": Path("/kept/root")},
        output=tmp_path / "output",
        work=tmp_path / "work",
        log=tmp_path / "log",
        events=Events(told.append),
    )


def test_events_come_out_and_mounts_do_not(ctx: StepContext, told: list[Event]) -> None:
    run_inside(tells, ctx)
    progress, notice = told
    assert (type(progress), progress.message) == (StepProgress, "half way")  # type: ignore[attr-defined]
    assert (type(notice), notice.text) == (Notice, "mind this")  # type: ignore[attr-defined]
    assert (ctx.output / "pid").read_text() == "1"
    assert str(ctx.work) not in Path("/proc/self/mountinfo").read_text()
    assert "only for the log" in ctx.log.read_text()


def test_errors_come_out_as_they_are(ctx: StepContext) -> None:
    with pytest.raises(MirrorError) as caught:
        run_inside(raises_ours, ctx)
    error = caught.value
    assert (error.message, error.hint, error.details) == ("no mirror", "name one", ("a", "b"))
    assert error.log == ctx.log


def test_a_fault_of_ours_names_the_log_which_has_the_traceback(ctx: StepContext) -> None:
    with pytest.raises(BuildError, match="KeyError: 'missing'") as caught:
        run_inside(raises_other, ctx)
    assert caught.value.log == ctx.log
    assert "Traceback" in ctx.log.read_text()


def test_an_end_without_a_word(ctx: StepContext) -> None:
    with pytest.raises(BuildError, match="status 9 without saying why"):
        run_inside(dies, ctx)


def test_cancelling_ends_it(ctx: StepContext, told: list[Event]) -> None:
    def stop_when_waiting() -> None:
        wait_for(lambda: told)
        ctx.cancel.request("SIGINT")

    threading.Thread(target=stop_when_waiting).start()
    with pytest.raises(Cancelled):
        run_inside(waits, ctx)
