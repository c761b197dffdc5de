"""Running disk-image-create: its command line and environment, alone in its namespaces.

A clean environment (it hands its own to every hook and stores part of it in images), no settings
of the user's, folders of this run only, and its words turned into progress and errors.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aio_image.dib.log import LogReader, elements_of_hooks
from aio_image.dib.shims import write_shims
from aio_image.errors import BuildError, HostError
from aio_image.execution.context import StepContext
from aio_image.host import journal
from aio_image.host.namespace import run_private
from aio_image.host.process import clean_environment
from aio_image.paths import resource

_PROGRAM = "disk-image-create"


@dataclass(frozen=True)
class DibRun:
    """One run. ``elements`` in any order; ``arguments`` go before them.

    ``variables`` is for our elements (AIO_*) and disk-image-create (DIB_*); no secret may be in it.
    ``sync`` and ``qemu_img``: see shims.write_shims. With ``trees`` (kept results of steps, lowest
    first) the link ``tree_link`` leads to their layered tree, read-only, while it runs.
    """

    elements: Sequence[str]
    variables: Mapping[str, str]
    arguments: Sequence[str] = ()
    sync: bool = True
    qemu_img: str | None = None
    trees: Sequence[Path] = ()
    tree_link: Path | None = None
    elements_paths: Sequence[Path] = field(default_factory=lambda: [resource("elements")])


def run_dib(ctx: StepContext, dib: DibRun) -> None:
    """Run disk-image-create for a step. Scratch and caches are in ``ctx.work``.

    Reports hooks and packages as progress. Raises BuildError naming the hook that failed and the
    last thing it said; nothing of the run is mounted or alive when this returns or raises.
    """
    if any(character.isspace() for character in f"{ctx.work}{ctx.output}"):
        raise HostError(
            f"{ctx.work}: {_PROGRAM} cannot work in a folder with blanks in its name",
            hint="set AIO_IMAGE_HOME to one without",
        )
    program = Path(sys.executable).parent / _PROGRAM
    if not program.exists():
        raise HostError(
            f"{program}: not found", hint="install the project into this Python: `make setup`"
        )
    reader = LogReader(ctx.progress, elements_of_hooks(list(dib.elements_paths)))
    status = run_private(
        [*_inside(ctx, dib), "--", program, *dib.arguments, *dib.elements],
        log=ctx.log,
        env=_environment(ctx.work, dib),
        cwd=ctx.work,
        on_line=reader.line,
    )
    if status != 0:
        raise BuildError(
            f"{_PROGRAM} failed in {reader.reason()}",
            hint=f"the log has all of it: {ctx.log}",
            details=reader.tail(),
            log=ctx.log,
        )


def _inside(ctx: StepContext, dib: DibRun) -> list[str | Path]:
    words: list[str | Path] = [sys.executable, "-m", "aio_image.dib.inside"]
    if dib.tree_link is not None:
        words += ["--link", dib.tree_link, "--scratch", ctx.work / "view"]
    for result in dib.trees:
        words += ["--tree", result]
    return words


def _environment(work: Path, dib: DibRun) -> dict[str, str]:
    shims = write_shims(work / "shims", sync=dib.sync, qemu_img=dib.qemu_img)
    scratch = work / "tmp"
    scratch.mkdir()
    system_path = clean_environment()["PATH"]
    environment = {
        "PATH": f"{shims}:{Path(sys.executable).parent}:{system_path}",
        "ELEMENTS_PATH": ":".join(str(path) for path in dib.elements_paths),
        "HOME": str(work),
        "TMPDIR": str(scratch),
        "TMP_DIR": str(work),
        "DIB_IMAGE_CACHE": str(work / "cache"),
        "DIB_LOCKFILES": str(work / "locks"),
        "DIB_NO_TMPFS": "1",
        "DIB_PYTHON_EXEC": sys.executable,
        # Hooks that are Python modules of ours find the package where we found it.
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        **dib.variables,
    }
    if journal.VARIABLE in os.environ:
        environment[journal.VARIABLE] = os.environ[journal.VARIABLE]
    return environment
