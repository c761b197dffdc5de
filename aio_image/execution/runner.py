"""Runs the steps of a plan: what has to run, one after the other, each result kept when whole."""

from __future__ import annotations

import importlib
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from aio_image.errors import AioError, BuildError, Cancelled
from aio_image.execution.context import StepCode, StepContext
from aio_image.execution.history import expected_seconds, remember_seconds
from aio_image.execution.keep_failed import keep_failed
from aio_image.execution.locks import ResultLock
from aio_image.execution.reasons import disk_full, reason_of
from aio_image.host import mounts
from aio_image.host.cancel import Cancel
from aio_image.host.process import run
from aio_image.host.runs import Run
from aio_image.paths import Home
from aio_image.plan.kept import read_record
from aio_image.plan.model import Plan, Step
from aio_image.plan.outlook import StepOutlook, outlook
from aio_image.report.events import (
    Events,
    Notice,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)


def load_codes(plan: Plan) -> dict[str, StepCode]:
    """Each step's code by the step's name: the function ``run`` of the module in its table row."""
    return {step.name: _Lazy(step.code) for step in plan.steps}


class _Lazy:
    """Imports a step's module when the step runs: a build that skips it needs none of it."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __call__(self, ctx: StepContext) -> None:
        importlib.import_module(self._module).run(ctx)


class Runner:
    """Runs plans in ``home`` for one run. Everything that happens is told to ``events``."""

    def __init__(
        self,
        home: Home,
        codes: Mapping[str, StepCode],
        events: Events,
        cancel: Cancel,
        *,
        keep_failed: bool = False,
    ) -> None:
        self._home = home
        self._codes = codes
        self._events = events
        self._cancel = cancel
        self._keep_failed = keep_failed
        self._locks: list[ResultLock] = []

    def run(
        self,
        plan: Plan,
        this: Run,
        *,
        start: str | None = None,
        targets: tuple[str, ...] | None = None,
    ) -> dict[str, Path]:
        """Bring about ``targets``: each kept or newly made step's result folder, by its name.

        ``start`` runs that step, and what is made from it, whatever is kept. Raises what a failed
        step raised (BuildError for anything but an AioError), Cancelled, HostError for a full
        disk; results of the steps before it stay, so that the next build goes on there.
        """
        began = datetime.now(UTC)
        results: dict[str, Path] = {}
        try:
            for looked in outlook(plan, self._home, start=start, targets=targets):
                self._cancel.check()
                result = self._step(plan, looked, this, results, began)
                if result:
                    results[looked.step.name] = result
        finally:
            for lock in self._locks:
                lock.release()
            self._locks.clear()
        return results

    def _step(
        self,
        plan: Plan,
        looked: StepOutlook,
        this: Run,
        results: Mapping[str, Path],
        began: datetime,
    ) -> Path | None:
        step = looked.step
        kept = self._home.steps / step.name / step.key
        if looked.action == "unneeded":
            return None
        lock = ResultLock(self._home, step.name, step.key)
        self._locks.append(lock)
        if looked.action == "kept" and lock.use() and read_record(kept):
            self._skipped(step, kept, looked.reason)
            return kept

        def waiting(holder: str) -> None:
            self._events.emit(Notice(f"{step.name}: waiting for {holder}, which is at it too"))

        lock.make(waiting, self._cancel)
        record = read_record(kept)
        if record and (looked.action == "kept" or record.finished > began):
            # Somebody else made it while we waited.
            self._skipped(step, kept, "just made by another build")
        else:
            self._make(plan, step, this, results, kept)
        lock.share(self._cancel)
        return kept

    def _skipped(self, step: Step, kept: Path, reason: str) -> None:
        # The record's time stamp says when a result was last of use: `clean` goes by it.
        os.utime(kept / "step.json")
        self._events.emit(StepSkipped(step.name, step.title, reason))

    def _make(
        self, plan: Plan, step: Step, this: Run, results: Mapping[str, Path], kept: Path
    ) -> None:
        scratch = this.folder / step.name
        output, work = scratch / "output", scratch / "work"
        log = this.logs / f"{step.name}.log"
        expected = expected_seconds(self._home, plan.profile, step.name)
        self._events.emit(StepStarted(step.name, step.title, str(log), expected))
        began = time.monotonic()
        ctx: StepContext | None = None
        try:
            output.mkdir(parents=True)
            work.mkdir()
            log.touch()
            ctx = StepContext(
                step=step,
                home=self._home,
                inputs={name: results[name] for name in step.needs if name in results},
                output=output,
                work=work,
                log=log,
                events=self._events,
                cancel=self._cancel,
            )
            self._codes[step.name](ctx)
            self._cancel.check()
            seconds = time.monotonic() - began
            _keep(plan, step, output, kept, replaced=scratch / "replaced", seconds=seconds)
        except BaseException as error:
            shown = self._failed(step, ctx, error, log=log, seconds=time.monotonic() - began)
            if shown is error:
                raise
            raise shown from error
        mounts.remove_tree(scratch)
        remember_seconds(self._home, plan.profile, step.name, seconds)
        self._events.emit(StepFinished(step.name, step.title, seconds))

    def _failed(
        self,
        step: Step,
        ctx: StepContext | None,
        error: BaseException,
        *,
        log: Path,
        seconds: float,
    ) -> BaseException:
        """Tell of the failure; the error to raise."""
        shown: BaseException = error
        if self._cancel.requested or isinstance(error, KeyboardInterrupt):
            # Whatever a killed child made of it: the cause is the one who asked.
            shown = Cancelled(
                f"stopped by {self._cancel.reason or 'SIGINT'} in step {step.name}",
                hint=f"the next build goes on with {step.name}",
                log=log,
            )
        elif full := disk_full(error, log, self._home.root):
            shown = full
        elif isinstance(error, AioError):
            error.log = error.log or log
        elif isinstance(error, Exception):
            shown = BuildError(
                f"step {step.name}: {reason_of(error, log)}",
                hint="this is a fault in aio-image: please report it with the log",
                log=log,
            )
        reason = reason_of(shown, log)
        hint = shown.hint if isinstance(shown, AioError) else ""
        if self._keep_failed and ctx is not None and not isinstance(shown, Cancelled):
            hint = "\n".join(filter(None, [hint, keep_failed(self._home, ctx)]))
            if isinstance(shown, AioError):
                shown.hint = hint
        self._events.emit(StepFailed(step.name, step.title, seconds, reason, hint, str(log)))
        return shown


def _keep(
    plan: Plan, step: Step, output: Path, kept: Path, *, replaced: Path, seconds: float
) -> None:
    """Make ``output`` the kept result: whole on disk first, then in place by one rename."""
    record = {
        "profile": plan.profile,
        "step": step.name,
        "key": step.key,
        "inputs": [{"label": each.label, "digest": each.digest} for each in step.inputs],
        "settings": dict(step.settings),
        "needs": {name: plan.step(name).key for name in step.needs},
        "finished": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "seconds": round(seconds, 1),
    }
    (output / "step.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    # A power cut after the rename must not find empty files behind a name that says "done".
    run(["sync", "--file-system", output])
    # A kept tree has setuid programs that age: no local user may reach them.
    output.chmod(0o700)
    kept.parent.mkdir(parents=True, exist_ok=True)
    if kept.exists():
        kept.rename(replaced)
    output.rename(kept)
