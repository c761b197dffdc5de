"""`aio-image profiles`: what can be built."""

from __future__ import annotations

import argparse
import json

from aio_image.cli.options import DEFAULT_PROFILE, columns, command_parser
from aio_image.profile.load import list_profiles
from aio_image.profile.problems import shown
from aio_image.profile.schema import json_schema

_DESCRIPTION = """\
Lists the profiles that come with aio-image.

A profile is a YAML file that says which appliance to build. Your own needs little more than
  extends: debian-aio
and the keys you want otherwise; build it by its path: `aio-image build ./mine.yaml`.
Editors complete and check profiles by the JSON Schema that --schema prints.
"""


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = command_parser(subparsers, "profiles", "list the profiles", _DESCRIPTION)
    parser.add_argument("--schema", action="store_true", help="print the JSON Schema of profiles")


def run(args: argparse.Namespace) -> int:
    if args.schema:
        print(json.dumps(json_schema(), indent=2))
        return 0
    listed = list_profiles()
    if args.json:
        rows = [
            {
                "name": each.name,
                "description": each.description,
                "path": str(each.path),
                "default": each.name == DEFAULT_PROFILE,
            }
            for each in listed
        ]
        print(json.dumps(rows, indent=2))
        return 0
    lines = columns(
        [
            (
                each.name,
                shown(each.path),
                each.description + (" (default)" if each.name == DEFAULT_PROFILE else ""),
            )
            for each in listed
        ]
    )
    print("\n".join(lines))
    return 0
