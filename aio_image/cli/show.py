"""`aio-image show`: a profile's settled values, each with the file and line it comes from."""

from __future__ import annotations

import argparse
import json
from typing import Any

from aio_image.cli.options import command_parser, profile_arguments
from aio_image.cli.profiles import CAUTIONS
from aio_image.profile.load import LoadedProfile, Value, load_profile
from aio_image.profile.problems import shown

_DESCRIPTION = """\
Shows a profile as a build would use it: each value, and the file and line it comes from.
Every mistake in the profile is listed at once.

examples:
  aio-image show
  aio-image show ./mine.yaml --set image.size='20 GiB'
  aio-image show debian-aio --json
"""

_VALUE_WIDTH = 32


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command_parser(
        subparsers, "show", "show a profile: each value, and where it comes from", _DESCRIPTION
    )
    profile_arguments(parser)


def run(args: argparse.Namespace) -> int:
    loaded = load_profile(args.profile, args.settings)
    if args.json:
        print(json.dumps(_as_json(loaded), indent=2))
        return 0
    print(f"# {loaded.name}, from {', '.join(shown(path) for path in loaded.files)}")
    if caution := CAUTIONS[loaded.proven]:
        print(f"# {caution}")
    width = max(len(each.key) for each in loaded.values) + 1
    for each in loaded.values:
        value = _written(each.written)
        print(f"{each.key + ':':{width}} {value:{_VALUE_WIDTH}} # {each.origin}")
    print(f"# sets up: {', '.join(loaded.services)}")
    return 0


def _written(value: Any) -> str:
    if value is None or isinstance(value, bool | list):
        return json.dumps(value)
    return str(value)


def _as_json(loaded: LoadedProfile) -> dict[str, Any]:
    return {
        "name": loaded.name,
        "path": str(loaded.path),
        "proven": loaded.proven,
        "files": [str(path) for path in loaded.files],
        "values": {each.key: _value(each, loaded) for each in loaded.values},
        "scenario": {
            "words": list(loaded.scenario.words),
            "expanded": list(loaded.scenario.expanded),
        },
        "services": list(loaded.services),
    }


def _value(value: Value, loaded: LoadedProfile) -> dict[str, Any]:
    """``value`` is what steps get (bytes, seconds); ``written`` is what the file says."""
    return {
        "value": loaded.setting(value.key),
        "written": value.written,
        "source": value.origin.source,
        "line": value.origin.line or None,
    }
