"""Asking an appliance for its credentials by the system's own ssh, as its user set it up.

Its agent, its configuration, its known hosts: whether a host's key is trusted is never decided
here.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aio_image.errors import ApplianceError, HostError, UsageError

_COMMAND = "sudo -n aio credentials --json"
_SSH_FAILED = 255
_NOT_FOUND = 127


@dataclass(frozen=True)
class Told:
    """What an appliance said. ``cloud`` is an entry of a clouds.yaml without its CA."""

    host: str
    address: str
    cloud: dict[str, Any]
    ca: str


def ask(user: str, host: str, options: Sequence[str] = ()) -> Told:
    """Run ``aio credentials`` as ``user`` at ``host``. ``options`` are ssh's (``-p``, ``2222``).

    Raises UsageError, HostError where there is no ssh, ApplianceError for what went wrong there.
    """
    if not host or host.startswith("-"):
        raise UsageError(f"'{host}' is no host")
    argv = ["ssh", *options, "-l", user, "--", host, _COMMAND]
    try:
        # ssh asks for passphrases and unknown host keys on the terminal itself.
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise HostError("ssh: not found", hint="apt install openssh-client") from error
    if done.returncode != 0:
        raise _failure(user, host, done)
    try:
        return _told(json.loads(done.stdout))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # What it said instead is not shown: there may be a password in it.
        raise ApplianceError(
            f"{host}: `{_COMMAND}` did not answer with credentials ({type(error).__name__})",
            hint="is that an appliance of this release? (ssh there, then: aio --help)",
        ) from error


def place_of(host: str, options: Sequence[str] = ()) -> str:
    """The name or address ssh really connects to for ``host`` (its configuration may say)."""
    shown = subprocess.run(
        ["ssh", "-G", *options, "--", host], capture_output=True, text=True, check=False
    )
    rows = [line.split(" ", 1) for line in shown.stdout.splitlines()]
    return next((row[1] for row in rows if row[0] == "hostname" and len(row) > 1), host)


def _told(content: dict[str, Any]) -> Told:
    told = Told(content["host"], content["address"], dict(content["cloud"]), content["ca"])
    if not told.cloud["auth"]["auth_url"].startswith("https://") or "BEGIN CERT" not in told.ca:
        raise ValueError("no URL with TLS, or no CA")
    return told


def _failure(user: str, host: str, done: subprocess.CompletedProcess[bytes]) -> ApplianceError:
    lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.strip()]
    last = lines[-1].strip() if lines else f"exit code {done.returncode}"
    if done.returncode == _SSH_FAILED:
        hint = f"does `ssh {user}@{host}` work? (--user, --ssh-option; keys are ssh's own matter)"
        return ApplianceError(f"ssh to {user}@{host}: {last}", hint=hint, details=lines[:-1])
    if done.returncode == _NOT_FOUND or "command not found" in last:
        hint = "HOST is to be an appliance; `aio` and `sudo` are in its image"
        return ApplianceError(f"{host}: {last}", hint=hint)
    if last.startswith("sudo:"):
        hint = f"{user} has to be let run `aio` by sudo without a password (--user)"
        return ApplianceError(f"{host}: {last}", hint=hint)
    return ApplianceError(
        f"{host}: {last}", details=lines[:-1], hint=f"ssh {user}@{host} aio status"
    )
