"""Seeing what a build left on the host, and a step that takes everything a step can take."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from aio_image.execution.context import StepContext
from aio_image.host import loops, mounts
from aio_image.host.namespace import run_private
from aio_image.paths import Home
from aio_image.plan.model import Plan, Step, step_key
from tests.waiting import wait_for

# Sleeps this long, so that its processes can be told from all others.
SLEEP = "77777"


def held(home: Home) -> dict[str, list[str]]:
    """Everything under or of ``home`` that should not outlive a build; empty when all is well."""
    root = str(home.root)
    found = {
        "mounts": [str(mount.point) for mount in mounts.mounts_below(home.root)],
        "loops": [loop.device for loop in loops.bound() if loop.backing.startswith(root)],
        "processes": processes_with(root),
        "scratch": [str(path) for path in home.work.glob("*")],
        "half-written": [
            str(path) for path in home.steps.glob("*/*") if not (path / "step.json").exists()
        ],
    }
    found["partitions"] = [node for device in found["loops"] for node in loops.partitions(device)]
    return {kind: things for kind, things in found.items() if things}


def processes_with(text: str) -> list[str]:
    """Processes of this host with ``text`` in their command line or environment; not ours."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            about = (path / "cmdline").read_bytes() + b"\0" + (path / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in about and path.name != "self" and int(path.name) not in _ours():
            found.append(about[:200].replace(b"\0", b" ").decode(errors="replace"))
    return found


def _ours() -> set[int]:
    pid, found = __import__("os").getpid(), set()
    while pid > 0:
        found.add(pid)
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return found


# --- steps ---


def greedy(ctx: StepContext) -> None:
    """Takes, in the host's own namespaces: a loop device with partitions, mounts, a daemon."""
    image = ctx.work / "disk.raw"
    with image.open("wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["sgdisk", "-n1:0:+8M", "-n2:0:0", image], check=True, capture_output=True)
    loop = loops.attach(image)
    first = loops.add_partitions(loop.device)[0]
    subprocess.run(["mkfs.ext4", "-q", first], check=True)
    point, inner = ctx.work / "mnt", ctx.work / "mnt" / "inner"
    point.mkdir()
    subprocess.run(["mount", first, point], check=True)
    inner.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", inner], check=True)
    subprocess.run(["mount", "--bind", "/usr", ctx.output], check=True)
    from aio_image.host.process import clean_environment  # noqa: PLC0415

    subprocess.Popen(
        ["setsid", "sleep", SLEEP], env=clean_environment(), cwd=point, start_new_session=True
    )
    ctx.progress("greedy: ready")
    time.sleep(3600)


def private(ctx: StepContext) -> None:
    """Takes the same inside namespaces, by a program, as disk-image-create does."""
    program = f"""
        truncate -s 32M {ctx.work}/disk.raw
        sgdisk -n1:0:+8M -n2:0:0 {ctx.work}/disk.raw
        device=$(losetup -f --show {ctx.work}/disk.raw)
        partx -u $device
        mkfs.ext4 -q ${{device}}p1
        mount ${{device}}p1 /mnt
        setsid sleep {SLEEP} &
        echo ready
        sleep {SLEEP}
    """

    def on_line(line: str) -> None:
        if line == "ready":
            ctx.progress("private: ready")

    run_private(
        ["sh", "-ec", program], log=ctx.log, env={"AIO_TEST": str(ctx.work)}, on_line=on_line,
        cancel=ctx.cancel,
    )  # fmt: skip


def writing(ctx: StepContext) -> None:
    """Writes its result, slowly and without an end."""
    ctx.progress("writing: ready")
    with (ctx.output / "image.qcow2").open("wb") as file:
        while True:
            file.write(b"x" * 65536)
            file.flush()
            time.sleep(0.01)


def filling(ctx: StepContext) -> None:
    """Writes until the disk is full."""
    ctx.progress("filling: ready")
    with (ctx.output / "image.qcow2").open("wb") as file:
        while True:
            file.write(b"x" * (1 << 20))


def filling_by_program(ctx: StepContext) -> None:
    """A program fills the disk; what it printed is gone, for the log was on that disk, too."""
    script = f"cat /dev/zero > {ctx.output}/image.qcow2"
    if run_private(["sh", "-c", script], log=ctx.log):
        from aio_image.errors import BuildError  # noqa: PLC0415

        raise BuildError("the writer failed", log=ctx.log)


def failing(ctx: StepContext) -> None:
    """Takes things, and fails with them."""
    point = ctx.work / "mnt"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", point], check=True)
    ctx.log.write_text("+ something\nE: the hook could not do it\n")
    from aio_image.errors import BuildError  # noqa: PLC0415

    raise BuildError("the hook 50-x failed")


def quick(ctx: StepContext) -> None:
    (ctx.output / "text").write_text("done")
    with (ctx.home.root / "made").open("a") as file:
        file.write(f"{ctx.step.name}\n")


def slow(ctx: StepContext) -> None:
    """Goes on when the test says so, by the file ``go`` in its home."""
    ctx.progress("slow: ready")
    assert wait_for((ctx.home.root / "go").exists)
    quick(ctx)


CODES = {
    code.__name__: code
    for code in (
        greedy, private, writing, filling, filling_by_program, failing, quick, slow,
    )
}  # fmt: skip


def plan_of(*names: str) -> Plan:
    steps: list[Step] = []
    for name in names:
        needs = tuple(step.name for step in steps[-1:])
        key = step_key(name, {}, (), tuple(step.key for step in steps[-1:]))
        steps.append(Step(name, f"Step {name}", needs, {}, (), key))
    return Plan("test", tuple(steps))


def main(names: list[str]) -> int:
    """As `aio-image build` does it: the process that is killed."""
    from aio_image.errors import AioError  # noqa: PLC0415
    from aio_image.execution.build import build  # noqa: PLC0415
    from aio_image.report.events import Events  # noqa: PLC0415
    from aio_image.report.reporter import reporter_for  # noqa: PLC0415

    with reporter_for(sys.stdout, "json") as reporter:
        try:
            build(
                plan_of(*names), Home.default(), Events(reporter), targets=(names[-1],),
                codes=CODES,
            )  # fmt: skip
        except AioError as error:
            print(f"ERROR {error.message} | {error.hint} | {error.log}", flush=True)
            return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
