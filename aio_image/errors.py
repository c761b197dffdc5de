"""Every error a user can meet, told apart by who has to act.

An error carries the message (what is wrong, and where), a hint (what to do about it)
and its exit code. ``cli`` prints them; nothing below ``cli`` prints or exits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

EXIT_OK = 0
EXIT_INTERNAL = 1
EXIT_USAGE = 2
EXIT_HOST = 3
EXIT_MIRROR = 4
EXIT_BUILD = 5
EXIT_APPLIANCE = 6
EXIT_CANCELLED = 130


class AioError(Exception):
    """Base of all errors.

    ``message`` is one line; ``hint`` says what to do (may be empty); ``details`` are further
    lines, one problem each; ``log`` is the file that has the whole story.
    """

    exit_code = EXIT_INTERNAL

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        details: Sequence[str] = (),
        log: Path | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = tuple(details)
        self.log = log


class UsageError(AioError):
    """The command line asks for something that cannot be: the person at the terminal acts."""

    exit_code = EXIT_USAGE


class ProfileError(AioError):
    """A profile is wrong: its author acts. ``details`` holds one line per problem."""

    exit_code = EXIT_USAGE


class HostError(AioError):
    """The build or test host lacks something: its owner acts."""

    exit_code = EXIT_HOST


class MirrorError(AioError):
    """A source could not be had from its mirror."""

    exit_code = EXIT_MIRROR


class BuildError(AioError):
    """A build step failed."""

    exit_code = EXIT_BUILD


class ApplianceError(AioError):
    """A booted image is not healthy."""

    exit_code = EXIT_APPLIANCE


class Cancelled(AioError):
    """The user, or a signal, asked to stop."""

    exit_code = EXIT_CANCELLED
