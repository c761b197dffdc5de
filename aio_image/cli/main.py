"""The `aio-image` command: finds the command asked for, runs it, and prints what went wrong.

Only the module of the command asked for is imported: a build with nothing to do has to be
over before the libraries of the others would be loaded.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from aio_image import __version__, errors
from aio_image.cli.options import HelpFormatter, Parser, build_home, check_home, output_options


class Command(Protocol):
    """What a command's module has."""

    def add_parser(self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> object:
        """Add the command's parser; its options come with ``parents=[output_options()]``."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it. Gives the exit code; raises AioError."""


# name: (module, what it does), in the order of a first session.
COMMANDS = {
    "doctor": ("aio_image.cli.doctor", "check this host, and say how to mend it"),
    "profiles": ("aio_image.cli.profiles", "list the profiles"),
    "show": ("aio_image.cli.show", "show a profile: each value, and where it comes from"),
    "plan": ("aio_image.cli.plan", "show which steps a build would run, and why"),
    "lock": ("aio_image.cli.lock", "resolve a profile's git sources to commits"),
    "build": ("aio_image.cli.build", "build an image"),
    "test": ("aio_image.cli.test", "boot an image and check that its cloud is healthy"),
    "run": ("aio_image.cli.run", "boot an image for you to use"),
    "seed": ("aio_image.cli.seed", "make the ISO that tells an appliance who it is"),
    "credentials": ("aio_image.cli.credentials", "bring an appliance's clouds.yaml and CA here"),
    "clean": ("aio_image.cli.clean", "remove what builds keep"),
}

# No room, no right, a file where a folder should be: nothing of it is a bug.
_HOST_REFUSES = (
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR,
    errno.EISDIR, errno.ENAMETOOLONG,
)  # fmt: skip

_DESCRIPTION = """\
Builds an OpenStack all-in-one appliance: a QCOW2 that boots into a healthy cloud.
"""

_EPILOG = f"""\
a first session:
  aio-image doctor                        is this host fit for it?
  sudo aio-image build                    makes build/debian-aio.qcow2
  aio-image test build/debian-aio.qcow2   boots a copy and checks it
  aio-image run build/debian-aio.qcow2    boots it for you, prints Horizon's address
  aio-image seed --ssh-key ID.pub         tells a copy elsewhere its name, address and password

exit codes:
  {errors.EXIT_OK}    done
  {errors.EXIT_INTERNAL}    a bug in aio-image
  {errors.EXIT_USAGE}    the command line or a profile is wrong
  {errors.EXIT_HOST}    this host lacks something (see `aio-image doctor`)
  {errors.EXIT_MIRROR}    a source could not be had from its mirror
  {errors.EXIT_BUILD}    a build step failed
  {errors.EXIT_APPLIANCE}    a booted image is not healthy
  {errors.EXIT_CANCELLED}  stopped by you or by a signal

Builds are kept in $AIO_IMAGE_HOME (for root: /var/cache/aio-image).
`aio-image COMMAND --help` tells more about each command.
"""


def parser_for(command: str | None) -> argparse.ArgumentParser:
    """The parser, with ``command``'s own options in it (None: only the list of commands)."""
    parser: argparse.ArgumentParser = Parser(
        prog="aio-image",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
        parents=[output_options(default=False)],
    )
    parser.add_argument("--version", action="version", version=f"aio-image {__version__}")
    subparsers = parser.add_subparsers(
        dest="command", metavar="COMMAND", title="commands", required=True
    )
    for name, (module, summary) in COMMANDS.items():
        if name == command:
            cast("Command", importlib.import_module(module)).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=summary, add_help=False)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` (without the program's name). Gives the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in words if word in COMMANDS), None)
    as_json = "--json" in words
    try:
        if command is None:
            _check_command(words)
        args = parser_for(command).parse_args(words)
        check_home()
        module = cast("Command", importlib.import_module(COMMANDS[args.command][0]))
        code = module.run(args)
        sys.stdout.flush()
    except errors.AioError as error:
        print_error(error, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        print_error(errors.Cancelled("stopped"), as_json=as_json)
        return errors.EXIT_CANCELLED
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`); keep the interpreter from saying so at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return errors.EXIT_CANCELLED
    except OSError as error:
        refused = _refused(error)
        print_error(refused, as_json=as_json)
        return refused.exit_code
    except Exception as error:  # the one place that turns a bug into a line for the user
        print_error(_bug(error), as_json=as_json)
        return errors.EXIT_INTERNAL
    return code


def print_error(error: errors.AioError, *, as_json: bool = False) -> None:
    """Say what is wrong on stderr, or as one JSON line on stdout."""
    if as_json:
        told = {
            "event": "Error",
            "error": type(error).__name__,
            "message": error.message,
            "details": list(error.details),
            "hint": error.hint,
            "log": str(error.log or ""),
            "exit_code": error.exit_code,
        }
        print(json.dumps(told), flush=True)
        return
    lines = [f"aio-image: error: {error.message}"]
    lines += [f"  {line}" for detail in error.details for line in detail.splitlines()]
    lines += [f"hint: {error.hint}"] if error.hint else []
    lines += [f"log: {error.log}"] if error.log else []
    sys.stdout.flush()
    print("\n".join(lines), file=sys.stderr, flush=True)


def _check_command(words: Sequence[str]) -> None:
    """Raise UsageError when the first word is no command, with the nearest one."""
    first = next((word for word in words if not word.startswith("-")), None)
    if first is not None:
        # Imported here: most command lines are right.
        from aio_image.profile.problems import meant  # noqa: PLC0415

        raise errors.UsageError(
            f"there is no command '{first}'{meant(first, COMMANDS)}",
            hint=f"there are: {', '.join(COMMANDS)}",
        )


def _refused(error: OSError) -> errors.AioError:
    """What the host did not let us do is its owner's to mend; anything else is a bug of ours."""
    if error.errno not in _HOST_REFUSES:
        return _bug(error)
    place = f"{error.filename}: " if error.filename else ""
    hint = "`aio-image doctor` checks this host"
    return errors.HostError(f"{place}{error.strerror}", hint=hint, log=_traceback(error))


def _bug(error: Exception) -> errors.AioError:
    said = f"{type(error).__name__}: {error}".splitlines()[0]
    log = _traceback(error)
    hint = "please report it with the log" if log else "please report it"
    return errors.AioError(f"this is a bug in aio-image: {said}", hint=hint, log=log)


def _traceback(error: Exception) -> Path | None:
    """A file with the traceback of ``error``; None where none can be written."""
    name = f"bug-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    for folder in (build_home().logs, Path(tempfile.gettempdir())):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            log = folder / name
            # Not world-readable, and never through a link someone put there before us.
            handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                traceback.print_exception(error, file=file)
        except OSError:
            continue
        return log
    return None
