"""For developers of playbooks and of the appliance: single steps of a build, bake to gate.

    python -m aio_image.bake bake --root TREE --into FOLDER
    python -m aio_image.bake seal --into FOLDER
    python -m aio_image.bake gate --into FOLDER
    python -m aio_image.bake shell --into FOLDER [--of bake|seal] [--boot]

Every step runs anew each time and keeps its result in FOLDER/<step>, its log in FOLDER/<step>.log.
Trees of earlier steps that FOLDER lacks are those that a build of the profile has kept.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from aio_image.bake import nspawn
from aio_image.errors import AioError, UsageError
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.plan.kept import read_record
from aio_image.plan.model import Plan
from aio_image.profile.load import load_profile
from aio_image.report.events import Event, Events, StepProgress

_ROOM = "aio_image.bake."


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0, or the error's own."""
    parser = argparse.ArgumentParser(
        prog="python -m aio_image.bake", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "what", metavar="STEP|shell", help="bake, seal, gate, …; shell: look inside"
    )
    parser.add_argument("--into", type=Path, required=True, help="folder for results")
    parser.add_argument("--root", type=Path, help="tree of the root step, or any root file system")
    parser.add_argument("--profile", default="debian-aio")
    parser.add_argument("--of", default="bake", metavar="STEP", help="shell: which step's tree")
    parser.add_argument("--boot", action="store_true", help="shell: in the booted tree")
    asked = parser.parse_args(arguments)
    into: Path = asked.into.absolute()
    into.mkdir(parents=True, exist_ok=True)
    if asked.root:
        _use_root(into, asked.root.absolute())
    try:
        plan = make_plan(load_profile(asked.profile))
        if asked.what == "shell":
            return _shell(plan, asked, into)
        _step(plan, asked.what, into)
    except AioError as error:
        print("\n".join([f"error: {error.message}", *error.details, f"hint: {error.hint}"]))
        if error.log:
            print(f"log: {error.log}")
        return error.exit_code
    return 0


def _use_root(into: Path, tree: Path) -> None:
    room = into / "root"
    room.mkdir(exist_ok=True)
    (room / trees.TREE).unlink(missing_ok=True)
    (room / trees.TREE).symlink_to(tree)


def _known(plan: Plan, name: str, named: list[str]) -> None:
    if name not in named:
        raise UsageError(
            f"profile {plan.profile}: no step {name} to run here", hint=f"it has {', '.join(named)}"
        )


def _result(plan: Plan, name: str, into: Path) -> Path:
    """The result of step ``name``: ours, else what a build has kept. UsageError without either."""
    ours, kept = into / name, Home.default().steps / name / plan.step(name).key
    if (ours / trees.TREE).is_dir():
        return ours
    if read_record(kept) is None:
        raise UsageError(
            f"{ours} has no {trees.TREE}/, and no build has kept one of this state",
            hint=f"run {name} first" if name != "root" else "name one with --root",
        )
    print(f"{name}: {kept}", flush=True)
    return kept


def _context(plan: Plan, name: str, into: Path) -> StepContext:
    began = time.monotonic()

    def show(event: Event) -> None:
        if isinstance(event, StepProgress):
            print(f"{time.monotonic() - began:6.1f}  {event.message}", flush=True)

    # One key for the steps of one folder: a key is what the bake id is made of.
    key = hashlib.sha256(str(into).encode()).hexdigest()
    step = replace(plan.step(name), key=key)
    inputs = {layer: _result(plan, layer, into) for layer in step.layers}
    output, log = into / name, into / f"{name}.log"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    log.unlink(missing_ok=True)
    return StepContext(
        step=step,
        home=Home(into),
        inputs=inputs,
        output=output,
        work=Path(tempfile.mkdtemp(prefix=f".{name}-", dir=into)),
        log=log,
        events=Events(show),
    )


def _step(plan: Plan, name: str, into: Path) -> None:
    _known(plan, name, [step.name for step in plan.steps if step.code.startswith(_ROOM)])
    ctx = _context(plan, name, into)
    run: Callable[[StepContext], None] = import_module(ctx.step.code).run
    began = time.monotonic()
    try:
        run(ctx)
    finally:
        shutil.rmtree(ctx.work, ignore_errors=True)
    print(f"{name} took {time.monotonic() - began:.1f} s; log: {ctx.log}")


def _shell(plan: Plan, asked: argparse.Namespace, into: Path) -> int:
    """A shell in a throw-away copy; booted, its services run."""
    of, boot = asked.of, asked.boot
    _known(plan, of, list(plan.steps[-1].layers))
    results = [_result(plan, layer, into) for layer in (*plan.step(of).layers, of)]
    work = Path(tempfile.mkdtemp(prefix=".shell-", dir=into))
    isolate = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
               "--kill-child=SIGKILL", "--mount-proc", "--"]  # fmt: skip
    if not os.environ.get("AIO_BAKE_SHELL"):
        return subprocess.call(
            [*isolate, sys.executable, "-m", "aio_image.bake", "shell", "--into", str(into),
             "--profile", asked.profile, "--of", of, *(["--boot"] if boot else [])],
            env={**os.environ, "AIO_BAKE_SHELL": "1"},
        )  # fmt: skip
    (work / "copy").mkdir()
    try:
        with trees.writable(results, work / "copy", work) as root:
            if not boot:
                return subprocess.call(["chroot", root, "/bin/bash", "-l"])
            with nspawn.booted(
                root, console=work / "console.log", target="multi-user.target", wait=False
            ) as container:
                enter = ["nsenter", f"--target={container.leader}", "--all", "--"]
                return subprocess.call([*enter, "/bin/bash", "-l"])
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
