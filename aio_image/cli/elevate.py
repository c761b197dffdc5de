"""Builds need root: start the same command again through sudo where that is possible."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import aio_image
from aio_image.errors import HostError

# sudo clears the environment; these decide where things are kept and how mirrors are reached.
# Passed by name, never on the command line: a proxy's address may hold a password.
_KEPT = (
    "AIO_IMAGE_HOME", "SOURCE_DATE_EPOCH", "TERM", "NO_COLOR",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
)  # fmt: skip
_START = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); "
    "from aio_image.cli.main import main; sys.exit(main())"
)


def command_as_root(sudo: str, words: Sequence[str]) -> list[str]:
    """The command line that runs ``aio-image words`` as root with this Python and this package."""
    kept = ",".join(name for name in _KEPT if name in os.environ)
    package = Path(aio_image.__file__).resolve().parent.parent
    return [
        sudo,
        *([f"--preserve-env={kept}"] if kept else []),
        "--",
        sys.executable,
        "-P",
        "-c",
        _START,
        str(package),
        *words,
    ]


def ensure_root(words: Sequence[str], why: str) -> None:
    """Return when we are root; else become ``aio-image words`` under sudo, or raise HostError.

    sudo may ask for a password on a terminal; without one it is used only where it asks nothing.
    """
    if os.geteuid() == 0:
        return
    pasted = shlex.join(["aio-image", *words])
    sudo = shutil.which("sudo")
    if sudo is None:
        raise HostError(f"{why} needs root, and there is no sudo", hint=f"as root: {pasted}")
    if not sys.stdin.isatty():
        asked = subprocess.run(
            [sudo, "--non-interactive", "true"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        if asked.returncode != 0:
            hint = f"at a terminal: sudo {pasted}"
            raise HostError(f"{why} needs root, and sudo asks for a password", hint=hint)
    sys.stdout.flush()
    command = command_as_root(sudo, words)
    os.execv(sudo, command)
