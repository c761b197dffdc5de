"""What runs, what is kept, what a failure leaves: with small steps that need no root."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from aio_image.errors import BuildError, Cancelled, HostError
from aio_image.execution.build import build
from aio_image.execution.context import StepContext
from aio_image.paths import Home
from aio_image.plan.model import Plan, Step, step_key
from aio_image.report import events as ev


def make_plan(**settings: int) -> Plan:
    """a <- b <- c; each step's key depends on the setting of its name."""
    steps: list[Step] = []
    for name, needs in (("a", ()), ("b", ("a",)), ("c", ("a", "b"))):
        values = {"value": settings.get(name, 0)}
        keys = tuple(step.key for step in steps if step.name in needs)
        key = step_key(name, values, (), keys)
        steps.append(Step(name, f"Step {name}", needs, values, (), key))
    return Plan("test", tuple(steps))


class Bench:
    """Steps that write what they were given, and a record of what happened."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root / "home")
        self.seen: list[ev.Event] = []
        self.codes = dict.fromkeys("abc", self.step)
        self.fail: dict[str, BaseException] = {}
        self.ran: list[str] = []

    def step(self, ctx: StepContext) -> None:
        name = ctx.step.name
        self.ran.append(name)
        assert not list(ctx.output.iterdir())
        below = "".join((path / "text").read_text() for path in ctx.inputs.values())
        (ctx.output / "text").write_text(f"{below}{name}{ctx.step.settings['value']}")
        (ctx.work / "scratch").write_text("x")
        with ctx.log.open("a") as log:
            log.write("working\nE: it went wrong\n")
        if name in self.fail:
            raise self.fail[name]

    def build(self, plan: Plan, start: str | None = None) -> dict[str, Path]:
        self.ran.clear()
        self.seen.clear()
        try:
            return build(
                plan, self.home, ev.Events(self.seen.append), targets=("c",), codes=self.codes,
                start=start,
            )  # fmt: skip
        finally:
            assert list(self.home.work.iterdir()) == []

    def of(self, kind: type[ev.Event]) -> list[ev.Event]:
        return [event for event in self.seen if isinstance(event, kind)]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_steps_run_in_order_and_are_kept(bench: Bench) -> None:
    plan = make_plan()
    results = bench.build(plan)
    assert bench.ran == ["a", "b", "c"]
    assert (results["c"] / "text").read_text() == "a0a0b0c0"
    record = json.loads((results["b"] / "step.json").read_text())
    assert record["needs"] == {"a": plan.step("a").key}
    assert record["step"] == "b"
    assert record["profile"] == "test"
    assert record["seconds"] >= 0
    started = bench.of(ev.StepStarted)
    assert Path(started[0].log).read_text().startswith("working")


def test_a_kept_result_is_for_its_owner_alone(bench: Bench) -> None:
    """A kept tree has setuid programs that no longer get security updates."""
    for result in bench.build(make_plan()).values():
        assert stat.S_IMODE(result.stat().st_mode) == 0o700


def test_nothing_changed_runs_nothing(bench: Bench) -> None:
    first = bench.build(make_plan())
    again = bench.build(make_plan())
    assert bench.ran == []
    assert again == first
    assert len(bench.of(ev.StepSkipped)) == 3


def test_a_change_runs_what_depends_on_it(bench: Bench) -> None:
    bench.build(make_plan())
    bench.build(make_plan(b=1))
    assert bench.ran == ["b", "c"]


def test_what_was_kept_before_is_found_again(bench: Bench) -> None:
    bench.build(make_plan())
    bench.build(make_plan(a=1))
    bench.build(make_plan())
    assert bench.ran == []


def test_the_second_build_knows_how_long_it_takes(bench: Bench) -> None:
    bench.build(make_plan())
    assert bench.of(ev.StepStarted)[0].expected_seconds is None
    bench.build(make_plan(a=1))
    assert bench.of(ev.StepStarted)[0].expected_seconds is not None


def test_a_pruned_base_is_not_made_for_a_kept_result(bench: Bench) -> None:
    results = bench.build(make_plan())
    for path in results["a"].iterdir():
        path.unlink()
    results["a"].rmdir()
    bench.build(make_plan())
    assert bench.ran == []


def test_start_runs_a_kept_step_again(bench: Bench) -> None:
    bench.build(make_plan())
    results = bench.build(make_plan(), start="b")
    assert bench.ran == ["b", "c"]
    assert (results["c"] / "text").read_text() == "a0a0b0c0"


def test_a_failure_names_its_reason_and_the_next_build_goes_on_there(bench: Bench) -> None:
    bench.fail["b"] = BuildError("the hook 10-x failed", hint="mend it")
    with pytest.raises(BuildError) as caught:
        bench.build(make_plan())
    (failed,) = bench.of(ev.StepFailed)
    assert (failed.step, failed.reason, failed.hint) == ("b", "the hook 10-x failed", "mend it")
    assert caught.value.log == Path(failed.log)
    assert Path(failed.log).read_text().startswith("working")
    assert not (bench.home.steps / "b").exists()
    bench.fail.clear()
    bench.build(make_plan())
    assert bench.ran == ["b", "c"]


def test_a_bare_exit_code_gets_its_reason_from_the_log(bench: Bench) -> None:
    bench.fail["a"] = HostError("exit 1 from mmdebstrap")
    with pytest.raises(HostError):
        bench.build(make_plan())
    (failed,) = bench.of(ev.StepFailed)
    assert failed.reason == "exit 1 from mmdebstrap: E: it went wrong"


def test_a_fault_of_ours_is_a_build_error_with_a_log(bench: Bench) -> None:
    bench.fail["a"] = KeyError("x")
    with pytest.raises(BuildError, match="step a: KeyError: 'x'") as caught:
        bench.build(make_plan())
    assert caught.value.log is not None


def test_a_full_disk_is_told_as_one(bench: Bench) -> None:
    cause = OSError(28, "No space left on device")
    error = BuildError("could not write")
    error.__cause__ = cause
    bench.fail["a"] = error
    with pytest.raises(HostError, match=r"the disk is full: .*home"):
        bench.build(make_plan())


def test_control_c_inside_a_step(bench: Bench) -> None:
    bench.fail["b"] = KeyboardInterrupt()
    with pytest.raises(Cancelled, match="stopped by SIGINT in step b") as caught:
        bench.build(make_plan())
    assert caught.value.exit_code == 130
    bench.fail.clear()
    bench.build(make_plan())
    assert bench.ran == ["b", "c"]


def test_keep_failed_keeps_what_it_was_working_on(bench: Bench) -> None:
    bench.fail["b"] = BuildError("no")
    with pytest.raises(BuildError) as caught:
        build(
            make_plan(), bench.home, ev.Events(), targets=("c",), codes=bench.codes,
            keep_failed=True,
        )  # fmt: skip
    (folder,) = (bench.home.root / "failed").iterdir()
    assert str(folder) in caught.value.hint
    assert (folder / "output" / "text").read_text() == "a0b0"
