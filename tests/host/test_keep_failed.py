"""What --keep-failed keeps can be looked into, with the command that the error names."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from aio_image.bake.inside import run_inside
from aio_image.errors import BuildError
from aio_image.execution.build import build
from aio_image.execution.context import StepContext
from aio_image.host import trees
from aio_image.paths import Home
from aio_image.plan.model import Plan, Step
from aio_image.report.events import Event, Events, StepFailed
from tests.host.leftovers import held

pytestmark = pytest.mark.host


def changes_and_fails(ctx: StepContext) -> None:
    with trees.writable(ctx.layers, ctx.output, ctx.work) as root:
        (root / "etc" / "half-done").write_text("here it stopped\n")
        (root / "etc" / "hostname").unlink()
        raise BuildError("the task failed")


def fail(ctx: StepContext) -> None:
    run_inside(changes_and_fails, ctx)


def link_root(small_root: Path) -> Callable[[StepContext], None]:
    def root(ctx: StepContext) -> None:
        (ctx.output / "tree").symlink_to(small_root / "tree")

    return root


def test_look_inside(tmp_path: Path, small_root: Path) -> None:
    home = Home(tmp_path / "home with blank")
    plan = Plan(
        "test",
        (
            Step("root", "Root", (), {}, (), "1" * 64),
            Step("bake", "Bake", ("root",), {}, (), "2", layers=("root",)),
        ),
    )
    seen: list[Event] = []
    with pytest.raises(BuildError, match="the task failed"):
        build(
            plan,
            home,
            Events(seen.append),
            targets=("bake",),
            keep_failed=True,
            codes={"root": link_root(small_root), "bake": fail},
        )
    (failed,) = [event for event in seen if isinstance(event, StepFailed)]
    assert "look inside with: '" in failed.hint
    (folder,) = home.failed.iterdir()
    command = folder / "enter"
    assert str(command) in failed.hint

    def inside(*words: str) -> str:
        done = subprocess.run(
            [command, *words], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
        )
        return done.stdout

    assert inside("cat", "/etc/half-done") == "here it stopped\n"
    assert "hostname" not in inside("ls", "/etc").split()
    assert "VERSION_CODENAME=trixie" in inside("cat", "/etc/os-release")
    # It can be written to, and nothing of that stays.
    assert inside("sh", "-c", "echo new > /etc/half-done; cat /etc/half-done") == "new\n"
    assert inside("cat", "/etc/half-done") == "here it stopped\n"
    # A shell at a terminal, or fed by a pipe.
    fed = subprocess.run(
        [command], input="echo $$; readlink /proc/self/root; exit 3\n", capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert (fed.stdout, fed.returncode) == ("1\n/\n", 3)
    assert held(home) == {}
    assert not os.listdir(folder / "inside")  # noqa: PTH208 - names are enough
