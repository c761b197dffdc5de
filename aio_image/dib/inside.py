"""The first process of a private namespace in which disk-image-create runs.

``python -m aio_image.dib.inside [--link LINK --scratch FOLDER --tree RESULT ...] -- COMMAND ...``
mounts the layered tree of the RESULTs (kept results of steps, lowest first) while COMMAND runs and
makes LINK point to it; without them it only runs COMMAND. Exits as COMMAND did.

It outlives disk-image-create until the filter that writes its log has ended too: the namespace
dies with its first process, and the last words before a failure must not die with it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from aio_image.errors import AioError
from aio_image.host.trees import merged

_LAST_WORDS_SECONDS = 10


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m aio_image.dib.inside")
    parser.add_argument("--link", type=Path)
    parser.add_argument("--scratch", type=Path)
    parser.add_argument("--tree", type=Path, action="append", default=[])
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        if options.tree:
            options.link.symlink_to(stack.enter_context(merged(options.tree, options.scratch)))
        status = subprocess.run(options.command, check=False).returncode
        _wait_for_the_rest()
    return status if status >= 0 else 128 - status


def _wait_for_the_rest() -> None:
    """As process 1 we inherit what the command left running; wait for it, but not for ever."""
    end = time.monotonic() + _LAST_WORDS_SECONDS
    with suppress(ChildProcessError):
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(0.05)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except AioError as error:
        sys.exit(f"ERROR: {error.message}")
