"""For developers of playbooks and of the appliance: bake, seal and gate without a plan.

    python -m aio_image.bake bake --root TREE --into FOLDER
    python -m aio_image.bake seal --into FOLDER
    python -m aio_image.bake gate --into FOLDER
    python -m aio_image.bake shell --into FOLDER [--of bake|seal] [--boot]

Every step runs anew each time and keeps its result in FOLDER/<step>, its log in FOLDER/<step>.log.
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
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from aio_image.bake import nspawn
from aio_image.errors import AioError
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.paths import Home
from aio_image.plan.build import make_plan
from aio_image.plan.model import Step
from aio_image.profile.load import load_profile
from aio_image.report.events import Event, Events, StepProgress

_NEEDS = {"bake": ("root",), "seal": ("root", "bake"), "gate": ("root", "bake", "seal")}


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0, or the error's own."""
    parser = argparse.ArgumentParser(
        prog="python -m aio_image.bake", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("what", choices=[*_NEEDS, "shell"])
    parser.add_argument("--into", type=Path, required=True, help="folder for results")
    parser.add_argument("--root", type=Path, help="tree of the root step, or any root file system")
    parser.add_argument("--profile", default="debian-aio")
    parser.add_argument("--of", default="bake", choices=["bake", "seal"], help="shell: which tree")
    parser.add_argument("--boot", action="store_true", help="shell: in the booted tree")
    asked = parser.parse_args(arguments)
    into: Path = asked.into.absolute()
    into.mkdir(parents=True, exist_ok=True)
    if asked.root:
        _use_root(into, asked.root.absolute())
    try:
        if asked.what == "shell":
            return _shell(into, asked.of, boot=asked.boot)
        _step(asked.what, into, asked.profile)
    except AioError as error:
        print("\n".join([f"error: {error.message}", *error.details, f"hint: {error.hint}"]))
        print(f"log: {error.log}")
        return error.exit_code
    return 0


def _use_root(into: Path, tree: Path) -> None:
    room = into / "root"
    room.mkdir(exist_ok=True)
    (room / trees.TREE).unlink(missing_ok=True)
    (room / trees.TREE).symlink_to(tree)


def _context(name: str, into: Path, settings: Mapping[str, Any]) -> StepContext:
    began = time.monotonic()

    def show(event: Event) -> None:
        if isinstance(event, StepProgress):
            print(f"{time.monotonic() - began:6.1f}  {event.message}", flush=True)

    # One key for the steps of one folder: a key is what the bake id is made of.
    key = hashlib.sha256(str(into).encode()).hexdigest()
    output, log = into / name, into / f"{name}.log"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir()
    log.unlink(missing_ok=True)
    return StepContext(
        step=Step(name, name, _NEEDS.get(name, ()), settings, (), key),
        home=Home(into),
        inputs={need: into / need for need in _NEEDS.get(name, ())},
        output=output,
        work=Path(tempfile.mkdtemp(prefix=f".{name}-", dir=into)),
        log=log,
        events=Events(show),
    )


def _step(name: str, into: Path, profile: str) -> None:
    settings = make_plan(load_profile(profile)).step(name).settings
    ctx = _context(name, into, settings)
    run: Callable[[StepContext], None] = import_module(f"aio_image.bake.{name}").run
    began = time.monotonic()
    try:
        run(ctx)
    finally:
        shutil.rmtree(ctx.work, ignore_errors=True)
    print(f"{name} took {time.monotonic() - began:.1f} s; log: {ctx.log}")


def _shell(into: Path, of: str, *, boot: bool) -> int:
    """A shell in a throw-away copy; booted, its services run."""
    results = [into / need for need in (*_NEEDS[of], of)]
    work = Path(tempfile.mkdtemp(prefix=".shell-", dir=into))
    isolate = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
               "--kill-child=SIGKILL", "--mount-proc", "--"]  # fmt: skip
    if not os.environ.get("AIO_BAKE_SHELL"):
        return subprocess.call(
            [*isolate, sys.executable, "-m", "aio_image.bake", "shell", "--into", str(into),
             "--of", of, *(["--boot"] if boot else [])],
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
